import av
import numpy as np
import pytest

from avsc_kedro import features
from avsc_kedro.features import clip_features, count_segments, kinds_beside, make_recipe
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.encoding import write_wav
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.paper import SOUND_KINDS

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
    recipes = {"mel": OPTIONS.recipe("mel")}
    np.testing.assert_allclose(
        clip_features(recipes, str(whole), start_s=1.0)["mel"],
        clip_features(recipes, str(second))["mel"],
        rtol=1e-5,
    )


def test_kinds_of_one_sound_share_its_decoding(tmp_path, monkeypatch):
    path, decoded = tmp_path / "noise.wav", []
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 8000))
    write_wav(path, sound, sample_rate_hz=8000)
    apart = {
        kind: clip_features({kind: OPTIONS.recipe(kind)}, str(path))[kind] for kind in SOUND_KINDS
    }
    real = features.read_audio
    monkeypatch.setattr(features, "read_audio", lambda *a, **k: decoded.append(a) or real(*a, **k))
    together = clip_features({kind: OPTIONS.recipe(kind) for kind in SOUND_KINDS}, str(path))
    assert len(decoded) == 1
    assert list(together) == list(SOUND_KINDS)
    for kind in SOUND_KINDS:
        np.testing.assert_array_equal(together[kind], apart[kind])

    mono = OPTIONS.recipe("cqt")
    mono["audio"] = {**mono["audio"], "channels": "mono"}
    decoded.clear()
    clip_features({"mel": OPTIONS.recipe("mel"), "cqt": mono}, str(path))
    assert len(decoded) == 2


def test_a_kind_knows_the_others_of_its_recording():
    assert kinds_beside("gam") == ("mel", "cqt")
    assert kinds_beside("rgb") == ()


def test_recipes_tell_kinds_and_versions_apart(monkeypatch):
    ids = {make_recipe(kind, OPTIONS).id for kind in ("mel", "gam", "cqt", "rgb")}
    assert len(ids) == 4
    before = make_recipe("mel", OPTIONS).id
    monkeypatch.setitem(features.EXTRACTOR_VERSIONS, "mel", 99)
    assert make_recipe("mel", OPTIONS).id != before


@pytest.mark.parametrize(("kind", "reader"), [("mel", "read_audio"), ("rgb", "read_frames")])
def test_whatever_a_decoder_raises_names_the_file(monkeypatch, kind, reader):
    def stumble(error):
        def read(*_, **__):
            raise error

        monkeypatch.setattr(features, reader, read)
        return clip_features({kind: OPTIONS.recipe(kind)}, "tram.mp4")

    with pytest.raises(DecodeError, match=r"AttributeError: no layout from tram\.mp4\. The file"):
        stumble(AttributeError("no layout"))
    with pytest.raises(DecodeError, match=r"^too short$"):
        stumble(DecodeError("too short"))
    with pytest.raises(MemoryError):
        stumble(MemoryError())


def write_noise(path, *, seconds=1, frame_rate_fps=8, sample_rate_hz=8000):
    """Write noise to see and to hear, so that every byte matters."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (seconds * frame_rate_fps, 48, 64, 3), dtype=np.uint8)
    sound = rng.uniform(-0.5, 0.5, (2, seconds * sample_rate_hz)).astype(np.float32)
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=frame_rate_fps, options={"threads": "1"})
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        audio = container.add_stream("aac", rate=sample_rate_hz, layout="stereo")
        for picture in pictures:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        block = av.AudioFrame.from_ndarray(sound, format="fltp", layout="stereo")
        block.sample_rate = sample_rate_hz
        container.mux(audio.encode(block))
        container.mux(video.encode())
        container.mux(audio.encode())


def damaged(whole, rng, *, begin):
    """Overwrite or flip up to five places after `begin`."""
    content = bytearray(whole)
    for place in rng.integers(begin, len(whole) - 4, size=rng.integers(1, 6)):
        if rng.random() < 0.5:
            content[place] ^= 1 << rng.integers(8)
        else:
            content[place : place + 4] = rng.bytes(4)
    return bytes(content)


def test_a_damaged_video_is_a_decode_error_or_none(tmp_path):
    path = tmp_path / "noise.mp4"
    write_noise(path)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(2), []
    tables = whole.index(b"moov")  # where damage confuses a decoder most
    for index in range(60):
        path.write_bytes(damaged(whole, rng, begin=tables if index % 3 else 0))
        for kind in ("mel", "rgb"):
            try:
                clip_features({kind: OPTIONS.recipe(kind)}, str(path))
            except DecodeError as error:
                refused.append(str(error))
    assert 20 < len(refused) < 110
    assert all(str(path) in reason for reason in refused)


@pytest.mark.parametrize(
    ("duration_s", "segments"),
    [(3, 1), (10, 1), (12, 1), (19.5, 1), (19.9, 2), (20, 2), (25, 2), (119.9, 12), (3600, 12)],
)
def test_segments_of_ten_seconds(duration_s, segments):
    assert count_segments(duration_s, clip_s=10.0) == segments
