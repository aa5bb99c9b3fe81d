"""The synthetic scenes: neither modality names them alone, and no mean does."""

from collections import Counter
from itertools import combinations

import librosa
import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from avsc_kedro import paper
from avsc_kedro.synthesis.clips import synthesise_frames, synthesise_sound
from avsc_kedro.synthesis.pictures import PICTURES, draw_picture
from avsc_kedro.synthesis.places import draw_place
from avsc_kedro.synthesis.scenes import SCENES
from avsc_kedro.synthesis.sounds import SOUNDS

PLACE = draw_place(np.random.default_rng(0))
RATE_HZ = 32_000


def _sound(scene, *, seed=1, place=PLACE, **sizes):
    return synthesise_sound(scene, place=place, rng=np.random.default_rng(seed), **sizes)


def _frames(scene, *, seed=1, place=PLACE, frames=4, size_px=32):
    rng = np.random.default_rng(seed)
    return synthesise_frames(scene, place=place, rng=rng, frames=frames, size_px=size_px)


def test_every_scene_of_the_paper_has_a_sound_and_a_picture():
    assert tuple(SCENES) == paper.SCENES
    assert {scene.sound for scene in SCENES.values()} == set(SOUNDS)
    assert {scene.picture for scene in SCENES.values()} == set(PICTURES)


def test_one_modality_cannot_pass_0_7_and_both_together_name_the_scene():
    assert len(set(SCENES.values())) == len(SCENES)
    for kinds in zip(*SCENES.values(), strict=True):
        assert sorted(Counter(kinds).values()) == [1, 1, 1, 1, 2, 2, 2]
        assert len(set(kinds)) / len(SCENES) == 0.7
    for one, other in combinations(SCENES.values(), 2):
        assert one.sound != other.sound or one.picture != other.picture


@pytest.mark.parametrize("scene", SCENES)
def test_a_sound_is_stereo_at_the_level_of_real_clips(scene):
    waveform = _sound(scene)
    assert (waveform.shape, waveform.dtype) == ((2, 480_000), np.float32)
    level_dbfs = 10 * np.log10(np.mean(waveform.astype(float) ** 2))
    assert -61.01 <= level_dbfs <= -32.99
    assert np.abs(waveform).max() <= 1
    assert not np.array_equal(*waveform)


@pytest.mark.parametrize("scene", SCENES)
def test_frames_are_rgb_move_and_have_contrast(scene):
    frames = _frames(scene)
    assert (frames.shape, frames.dtype) == ((4, 32, 32, 3), np.uint8)
    assert not np.array_equal(frames[0], frames[-1])
    assert frames.mean(axis=3).std() > 10


def test_the_same_generator_state_gives_the_same_clip_and_another_does_not():
    for make in (_sound, _frames):
        np.testing.assert_array_equal(make("tram"), make("tram"))
        assert not np.array_equal(make("tram"), make("tram", seed=2))


def test_fall_is_rise_backwards_with_the_same_mean_spectrum():
    seconds = np.arange(16_000) / 16_000
    rise, fall = (
        SOUNDS[name](seconds, pitch_hz=440, period_s=0.5, rng=np.random.default_rng(0))
        for name in ("rise", "fall")
    )
    np.testing.assert_array_equal(rise, fall[::-1])
    spectra = [np.abs(np.fft.rfft(sound)) for sound in (rise, fall)]
    np.testing.assert_allclose(*spectra, atol=1e-3 * spectra[0].max())


def test_rise_doubles_its_frequency_each_half_period():
    seconds = np.arange(32_000) / 32_000
    sound = SOUNDS["rise"](seconds, pitch_hz=500, period_s=1.0, rng=_StartsAtZero())
    for start_s, expected_hz in ((0.25, 354), (0.75, 707)):
        part = sound[int(start_s * 32_000) - 1600 : int(start_s * 32_000) + 1600]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(3200)))
        assert spectrum[: 900 // 10].argmax() * 10 == pytest.approx(expected_hz, rel=0.06)


@pytest.mark.parametrize(("kind", "axis"), [("poles", 0), ("seats", 1)])
def test_bars_run_one_way(kind, axis):
    rng = np.random.default_rng(0)
    share = draw_picture(kind, size_px=40, span=1.0, period=0.2, lean_deg=0, rng=rng)
    assert (share.dtype, share.shape) == (np.float32, (40, 40))
    assert 0 <= share.min() < 0.1 < 0.9 < share.max() <= 1
    assert np.ptp(share, axis=axis).max() < 1e-6
    np.testing.assert_allclose(np.roll(share, 8, axis=1 - axis)[9:, 9:], share[9:, 9:], atol=0.5)


def test_mean_colour_and_mean_spectrum_do_not_name_scenes_at_new_places():
    means, scenes, heard_in_train = [], [], []
    for index, scene in enumerate(SCENES):
        for number in range(9):
            place = draw_place(np.random.default_rng([index, number]))
            seed = [index, number, 1]
            waveform = _sound(scene, seed=seed, place=place, duration_s=2, sample_rate_hz=RATE_HZ)
            mel = librosa.feature.melspectrogram(
                y=waveform, sr=RATE_HZ, n_fft=4096, hop_length=1024, n_mels=128, fmin=10
            )
            colour = _frames(scene, seed=seed, place=place).mean(axis=(0, 1, 2))
            means.append((10 * np.log10(mel + 1e-16).mean(axis=(0, 2)), colour))
            scenes.append(scene)
            heard_in_train.append(number < 5)
    train, scenes = np.array(heard_in_train), np.array(scenes)
    for features in (np.array(column) for column in zip(*means, strict=True)):
        baseline = NearestCentroid().fit(features[train], scenes[train])
        assert baseline.score(features[~train], scenes[~train]) <= 0.35


class _StartsAtZero:
    def random(self):
        return 0.0
