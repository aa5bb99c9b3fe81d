"""The picture of some clips: left channel, seconds, hertz, a few frames a row."""

from __future__ import annotations

import numpy as np
import pytest

from avsc_kedro import figures

RNG = np.random.default_rng(0)
KINDS = ("mel", "gam", "cqt")
CENTRES_HZ = {kind: 50 * 2.0 ** np.arange(8) for kind in KINDS}  # 50 to 6400
FRAMES = RNG.integers(0, 255, size=(20, 24, 24, 3), dtype=np.uint8)


def make_clip(name="Bus", clip_id="bus-1", *, offset_db=0, frames=FRAMES):
    spectrograms = {kind: RNG.normal(offset_db - 60, 5, size=(8, 20, 2)) for kind in KINDS}
    return figures.ClipFeatures(name, clip_id, spectrograms, frames)


def panels(figure, clips):
    """Return the axes as a grid: name, three spectrograms, frames."""
    return np.reshape(figure.axes[: 5 * clips], (clips, 5))


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_rows_are_clips_and_columns_their_left_channels_low_band_at_the_bottom():
    clips = [make_clip(), make_clip("Shopping mall", "mall-7")]
    grid = panels(figures.draw_features(clips), 2)
    assert words(grid[0, 0]) == ["Bus", "bus-1"]
    assert words(grid[1, 0]) == ["Shopping mall", "mall-7"]
    assert [axes.get_title() for axes in grid[0, 1:]] == ["MEL", "GAM", "CQT", "frames"]
    for row, clip in zip(grid, clips, strict=True):
        for axes, level in zip(row[1:4], clip.spectrograms.values(), strict=True):
            np.testing.assert_array_equal(axes.images[0].get_array(), level[..., 0])
            assert axes.images[0].origin == "lower"
    assert (grid[1, 1].get_xlabel(), words(grid[0, 1])) == ("frame", ["band"])


def test_axes_are_in_seconds_and_hertz_when_these_are_known():
    clips = [make_clip(), make_clip()]
    figure = figures.draw_features(clips, centres_hz=CENTRES_HZ, hop_ms=500, frames_per_second=2)
    last = panels(figure, 2)[-1]
    assert last[1].get_xlabel() == last[4].get_xlabel() == "time (s)"
    assert last[1].images[0].get_extent()[1] == 10
    assert [label.get_text() for label in last[4].get_xticklabels()] == ["0.0", "3.0", "6.5", "9.5"]
    assert [label.get_text() for label in last[1].get_yticklabels()] == ["100", "1k", "3k"]
    # 100 Hz is the second band, whose middle lies half a band above its edge; linear between.
    expected = [1.5, 4.5 + (1000 - 800) / 800, 5.5 + (3000 - 1600) / 1600]
    np.testing.assert_allclose(last[1].get_yticks(), expected)
    assert words(panels(figure, 2)[0, 1]) == ["Hz"]


def test_a_kind_shares_one_scale_named_in_db():
    clips = [make_clip(), make_clip(offset_db=40)]
    figure = figures.draw_features(clips)
    for column, kind in zip(panels(figure, 2).T[1:], KINDS, strict=False):
        both = np.stack([clip.spectrograms[kind][..., 0] for clip in clips])
        limits = tuple(np.percentile(both, (1, 99.8)))
        assert [axes.images[0].get_clim() for axes in column] == [limits, limits]
    assert [axes.get_xlabel() for axes in figure.axes[10:]] == ["level (dB)"] * 3


def test_one_silent_clip_leaves_the_others_their_colours():
    silent = make_clip()._replace(spectrograms={k: np.full((8, 20, 2), -160.0) for k in KINDS})
    axes = panels(figures.draw_features([make_clip(offset_db=60), silent]), 2)[0, 1]
    quiet, loud = axes.images[0].get_clim()
    assert loud > 0
    assert quiet == loud - 100


@pytest.mark.parametrize(
    ("count", "shown"), [(0, []), (1, [0]), (4, [0, 1, 2, 3]), (20, [0, 6, 13, 19])]
)
def test_strip_holds_up_to_four_frames_first_to_last(count, shown):
    clip = make_clip(frames=FRAMES[:count])
    strip = panels(figures.draw_features([clip]), 1)[0, -1]
    assert [label.get_text() for label in strip.get_xticklabels()] == [str(i) for i in shown]
    for place, index in enumerate(shown):
        pixels = strip.images[0].get_array()[:, 25 * place : 25 * place + 24]
        np.testing.assert_array_equal(pixels, FRAMES[index])


@pytest.mark.parametrize("clips", [1, 2, 5])
def test_any_number_of_clips_and_any_name_is_drawn(clips):
    named = make_clip("$a$ mall$", "street_pedestrian-lisbon-1164-44693" * 5)
    png = figures.figure_png(figures.draw_features([named] * clips))
    assert png.startswith(b"\x89PNG")


def test_total_silence_in_one_channel_is_drawn():
    silence = {"mel": np.full((8, 20, 1), -160.0)}
    clip = make_clip()._replace(spectrograms=silence)
    assert figures.figure_png(figures.draw_features([clip])).startswith(b"\x89PNG")


def test_no_clip_is_refused():
    with pytest.raises(ValueError, match="at least one clip"):
        figures.draw_features([])
