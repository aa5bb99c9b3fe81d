"""The picture of one clip: left channel, seconds, at most ten frames."""

from __future__ import annotations

import numpy as np
import pytest

from avsc_kedro import figures

RNG = np.random.default_rng(0)
SPECTROGRAMS = {kind: RNG.normal(-60, 9, size=(8, 20, 2)) for kind in ("mel", "gam", "cqt")}
FRAMES = RNG.integers(0, 255, size=(20, 6, 6, 3), dtype=np.uint8)


def draw(frames=FRAMES, spectrograms=SPECTROGRAMS, **times):
    return figures.draw_clip_features(spectrograms, frames, title="bus-1", **times)


def pictures(figure):
    return [axes for axes in figure.axes if axes.images and axes.get_xlabel()]


def test_left_channel_is_shown_low_band_at_the_bottom():
    mel = pictures(draw())[0]
    np.testing.assert_array_equal(mel.images[0].get_array(), SPECTROGRAMS["mel"][..., 0])
    assert mel.images[0].origin == "lower"
    assert mel.get_title() == "MEL, left channel"
    assert mel.get_xlabel() == "frame"


def test_axes_are_in_seconds_when_times_are_known():
    axes = pictures(draw(hop_ms=500, frames_per_second=2))
    assert axes[0].get_xlabel() == "time (s)"
    assert axes[0].images[0].get_extent()[1] == 10
    assert [a.get_xlabel() for a in axes[3:]] == [f"{second}.0 s" for second in range(10)]


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 1), (4, 4), (11, 6), (20, 10)])
def test_strip_holds_at_most_ten_frames(count, shown):
    assert len(pictures(draw(FRAMES[:count]))) == 3 + shown


def test_silence_and_single_channel_are_drawn():
    silence = {"mel": np.full((8, 20, 1), -160.0)}
    assert figures.figure_png(draw(spectrograms=silence)).startswith(b"\x89PNG")
