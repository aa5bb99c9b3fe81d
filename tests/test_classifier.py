import pytest

from avsc_kedro.classifier import Classifier
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.probe import MediaInfo
from avsc_kedro.options import FeaturesOptions


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
