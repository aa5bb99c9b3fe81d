"""Features of one signal, fixed: another output needs another version number.

If a test here fails after a change that is meant, raise the extractor's version and put
the new numbers in. Stores of the old version then stand beside those of the new one.
"""

import av
import numpy as np
import pytest
import soundfile
from av.video.reformatter import VideoReformatter

from avsc_kedro import signal, vision
from avsc_kedro.features import clip_features
from avsc_kedro.media.encoding import write_mp4
from avsc_kedro.media.picture import to_square
from avsc_kedro.options import FeaturesOptions

OPTIONS = FeaturesOptions(
    audio={"sample_rate_hz": 32000, "duration_s": 10.0},
    stft={"n_fft": 4096, "window_length": 2560, "hop_length": 1024, "floor_power": 1e-16},
    mel={"bands": 128, "fmin_hz": 10.0, "fmax_hz": 16000.0},
    gam={"bands": 128, "fmin_hz": 10.0, "fmax_hz": 16000.0},
    cqt={"bands": 128, "fmin_hz": 16.35, "bins_per_octave": 13},
    rgb={"frames_per_second": 2.0, "size_px": 224},
)
PLACES = ((3, 0, 0), (40, 100, 0), (90, 154, 1), (127, 308, 1))  # band, frame, channel
# kind: version, dB at PLACES, mean, standard deviation
SPECTROGRAMS = {
    "mel": (2, (-4.685, -6.365, -4.692, -5.9), -5.417, 3.467),
    "gam": (2, (5.011, 18.85, 22.345, 26.947), 18.619, 6.328),
    "cqt": (2, (-24.126, -24.335, -18.882, -21.612), -26.436, 6.314),
}
# version, colours of a shrunk picture's corner, middle and other corner
FRAMES = (2, (14, 12, 77), (174, 102, 77), (238, 222, 77))


def make_sound():
    """Ten seconds: noise on the left, a tone in noise on the right."""
    rng = np.random.default_rng(7)
    time_s = np.arange(320_000) / 32_000
    left, right = 0.05 * rng.standard_normal((2, len(time_s)))
    return np.stack([left, right + 0.1 * np.sin(2 * np.pi * 440 * time_s)])


def make_picture():
    """Red grows to the right, green downward, blue is everywhere."""
    down, right = np.mgrid[0:48, 0:64]
    return np.stack([4 * right, 5 * down, np.full_like(down, 77)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("kind", SPECTROGRAMS)
def test_a_spectrogram_is_that_of_its_version(kind):
    version, values, mean, deviation = SPECTROGRAMS[kind]
    found = signal.spectrogram(kind, make_sound(), OPTIONS.recipe(kind))
    assert signal.EXTRACTOR_VERSIONS[kind] == version
    np.testing.assert_allclose([found[place] for place in PLACES], values, atol=0.01)
    np.testing.assert_allclose([found.mean(), found.std()], [mean, deviation], atol=0.01)


def test_frames_are_those_of_their_version():
    version, *colours = FRAMES
    picture = av.VideoFrame.from_ndarray(make_picture(), format="rgb24")
    found = to_square(picture, size_px=8, scaler=VideoReformatter())
    assert version == vision.EXTRACTOR_VERSION
    for place, colour in zip(((0, 0), (3, 5), (7, 7)), colours, strict=True):
        np.testing.assert_allclose(found[place], colour, atol=1)


# dB at the first two PLACES of the MEL of a written file, and what of its picture is stored.
DECODED_SOUND = (-4.619, -1.974)
DECODED_PICTURES = (0, 85, 235)


def test_a_recording_is_read_as_in_its_version(tmp_path):
    """Another rate and one channel; five pictures a second, of which two are taken."""
    sound, video = tmp_path / "sound.wav", tmp_path / "video.mp4"
    left = make_sound()[:1, ::2]
    soundfile.write(sound, left.T, 16_000, subtype="PCM_24")
    pictures = [np.full((48, 64, 3), 5 * number, np.uint8) for number in range(50)]
    write_mp4(video, pictures, frame_rate_fps=5)
    found = clip_features({"mel": OPTIONS.recipe("mel")}, str(sound))["mel"]
    np.testing.assert_allclose([found[p] for p in PLACES[:2]], DECODED_SOUND, atol=0.02)
    frames = clip_features({"rgb": OPTIONS.recipe("rgb")}, str(video))["rgb"]
    np.testing.assert_allclose(frames[[0, 7, 19], 100, 100, 0], DECODED_PICTURES, atol=3)
