import numpy as np

from avsc_kedro import features
from avsc_kedro.features import clip_features, make_recipe
from avsc_kedro.media.encoding import write_wav
from avsc_kedro.options import FeaturesOptions

OPTIONS = FeaturesOptions(
    audio={"sample_rate_hz": 8000, "duration_s": 1.0},
    stft={"n_fft": 512, "window_length": 320, "hop_length": 512, "floor_power": 1e-20},
    mel={"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    gam={"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    cqt={"bands": 8, "fmin_hz": 500.0, "bins_per_octave": 4},
    rgb={"frames_per_second": 2.0, "size_px": 32},
)


def test_a_clip_may_begin_within_a_recording(tmp_path):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 16_000))
    whole, second = tmp_path / "whole.wav", tmp_path / "second.wav"
    write_wav(whole, sound, sample_rate_hz=8000)
    write_wav(second, sound[:, 8000:], sample_rate_hz=8000)
    recipe = OPTIONS.recipe("mel")
    np.testing.assert_allclose(
        clip_features("mel", str(whole), recipe, start_s=1.0),
        clip_features("mel", str(second), recipe),
        rtol=1e-5,
    )


def test_recipes_tell_kinds_and_versions_apart(monkeypatch):
    ids = {make_recipe(kind, OPTIONS).id for kind in ("mel", "gam", "cqt", "rgb")}
    assert len(ids) == 4
    before = make_recipe("mel", OPTIONS).id
    monkeypatch.setitem(features.EXTRACTOR_VERSIONS, "mel", 99)
    assert make_recipe("mel", OPTIONS).id != before
