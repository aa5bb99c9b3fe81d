import keras
import numpy as np
import pytest

from avsc_kedro import classifier as module
from avsc_kedro.classifier import Classifier
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.probe import MediaInfo
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.paper import BRANCHES


@pytest.fixture
def classifier():
    """A classifier without networks, of clips of ten seconds."""
    features = FeaturesOptions(
        audio={"sample_rate_hz": 8000, "duration_s": 10.0},
        stft={"n_fft": 512, "window_length": 320, "hop_length": 512, "floor_power": 1e-20},
        mel={"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
        gam={"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
        cqt={"bands": 8, "fmin_hz": 500.0, "bins_per_octave": 4},
        rgb={"frames_per_second": 2.0, "size_px": 32},
    )
    return Classifier({}, {}, [], features)


@pytest.mark.parametrize(
    ("file_s", "audio_s", "video_s", "segments"),
    [
        (25.0, 12.0, 25.0, 1),
        (25.0, 25.0, 25.0, 2),
        (25.0, None, None, 2),
        (25.0, None, 14.0, 1),
        (None, None, None, 1),
    ],
)
def test_segments_have_sound_and_pictures(classifier, file_s, audio_s, video_s, segments):
    info = MediaInfo(file_s, audio_duration_s=audio_s, video_duration_s=video_s)
    assert classifier._segments("tram.mp4", info) == segments


def test_a_video_shorter_than_a_clip_is_refused(classifier):
    with pytest.raises(DecodeError, match=r"at least 10 s\. Received 4\.0 s from tram\.mp4"):
        classifier._segments("tram.mp4", MediaInfo(4.0))


FRAMES = 20


def network():
    inputs = keras.Input((2, 2, 3))
    x = keras.layers.Dense(4, name="fc1024")(keras.layers.Flatten()(inputs))
    x = keras.layers.Dense(3, name="fc10")(x)
    return keras.Model(inputs, keras.layers.Softmax(name="softmax")(x))


@pytest.mark.parametrize(("segments", "of_frames"), [(1, [20]), (3, [60]), (4, [64, 64])])
def test_the_frames_of_a_short_video_go_through_a_network_together(
    classifier, batch_sizes, monkeypatch, segments, of_frames
):
    def features_of(recipes, path, *, start_s):
        rng = np.random.default_rng(int(start_s))
        sound, frames = rng.random((2, 2, 3)), rng.random((FRAMES, 2, 2, 3))
        return {kind: frames if kind == "rgb" else sound for kind in recipes}

    monkeypatch.setattr(module, "clip_features", features_of)
    classifier.backbones = {branch.name: network() for branch in BRANCHES}
    starts_s = [10.0 * index for index in range(segments)]
    embeddings = classifier._embed("tram.mp4", starts_s)
    assert batch_sizes == [segments] * 3 + of_frames * 2
    for branch, vectors in embeddings.items():
        visual = branch.startswith("vis_")
        for start, probabilities in zip(starts_s, vectors["probabilities"], strict=True):
            rows = features_of(["rgb", "mel"], None, start_s=start)["rgb" if visual else "mel"]
            rows = rows if visual else rows[None]
            expected = np.asarray(classifier.backbones[branch](rows)).mean(axis=0)
            np.testing.assert_allclose(probabilities, expected, atol=1e-6)
