"""Which track is taken, and when its time begins."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from avsc_kedro.media.audio import read_audio
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.probe import probe
from avsc_kedro.media.video import read_frames

RATE_HZ, SECONDS = 16_000, 2


@pytest.fixture
def make_film(tmp_path):
    """Write pictures of one grey level and tones of one loudness, a track for each.

    `sound_at_s` is when the first sample of every sound track is heard.
    """

    def make(*, greys=(), tones=(), marked=(), sound_at_s=0, sound_s=SECONDS, name="film.mkv"):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            tracks = [_pictures(container, grey) for grey in greys]
            tracks += [_sound(container, tone, sound_at_s, sound_s) for tone in tones]
            for number, (track, _) in enumerate(tracks):
                track.disposition = Disposition.default if number in marked else Disposition(0)
            for track, frames in tracks:
                for frame in (*frames, None):
                    container.mux(track.encode(frame))
        return path

    return make


def _pictures(container, grey):
    track = container.add_stream("libx264", rate=10, options={"threads": "1"})
    track.height, track.width, track.pix_fmt = 48, 64, "yuv420p"
    picture = np.full((48, 64, 3), grey, np.uint8)
    return track, [av.VideoFrame.from_ndarray(picture, format="rgb24") for _ in range(10 * SECONDS)]


def _sound(container, level, at_s, seconds):
    track = container.add_stream("pcm_f32le", rate=RATE_HZ, layout="mono")
    samples = np.full((1, round(RATE_HZ * seconds)), level, np.float32)
    samples[0, 0] = 0.9
    block = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
    block.sample_rate, block.pts = RATE_HZ, round(at_s * RATE_HZ)
    block.time_base = Fraction(1, RATE_HZ)
    return track, [block]


def seen_and_heard(path):
    grey = read_frames(path, times_s=[0.5], size_px=32).mean()
    level = read_audio(path, sample_rate_hz=RATE_HZ, duration_s=1.0)[0, 100]
    return round(float(grey), -1), round(float(level), 2)


def test_of_several_tracks_the_first_is_taken(make_film):
    path = make_film(greys=(50, 200), tones=(0.1, 0.3))
    assert seen_and_heard(path) == (50, 0.1)


def test_the_track_marked_as_default_comes_before_the_first(make_film):
    path = make_film(greys=(50, 200), tones=(0.1, 0.3), marked=(1, 3))
    assert seen_and_heard(path) == (200, 0.3)


def test_of_several_marked_tracks_the_first_is_taken(make_film):
    path = make_film(greys=(50, 200), tones=(0.1, 0.3), marked=(0, 1, 2, 3))
    assert seen_and_heard(path) == (50, 0.1)


def test_a_cover_picture_before_the_video_is_not_taken(tmp_path, make_film):
    path = make_film(greys=(50,), tones=(0.1,), name="film.mp4")
    covered = tmp_path / "covered.mp4"
    with av.open(str(path)) as film, av.open(str(covered), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        track = container.add_stream_from_template(film.streams.video[0])
        picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 200, np.uint8), format="rgb24")
        container.mux(cover.encode(picture.reformat(format="yuvj420p")))
        container.mux(cover.encode())
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.stream = track
                container.mux(packet)
    assert round(float(read_frames(covered, times_s=[0.5], size_px=32).mean()), -1) == 50


def test_time_counts_from_the_start_of_each_track(make_film):
    path = make_film(greys=(50,), tones=(0.2,), sound_at_s=0.7)
    heard = read_audio(path, sample_rate_hz=RATE_HZ, duration_s=1.5)[0]
    assert heard[0] == pytest.approx(0.9)
    np.testing.assert_allclose(heard[1:], 0.2, atol=1e-6)


def test_sound_shorter_than_the_pictures_is_refused_where_it_is_missing(make_film):
    path = make_film(greys=(50,), tones=(0.2,), sound_s=1)
    assert len(read_frames(path, times_s=[0.0, 1.9], size_px=32)) == 2
    with pytest.raises(DecodeError, match=r"2\.0 s of sound\. Received 1\.0 s from .*film"):
        read_audio(path, sample_rate_hz=RATE_HZ, duration_s=2.0)


def test_a_track_that_is_not_there_is_named(make_film):
    with pytest.raises(DecodeError, match=r"a sound track\. Received none from .*film\.mkv"):
        read_audio(make_film(greys=(50,)), sample_rate_hz=RATE_HZ, duration_s=1.0)
    with pytest.raises(DecodeError, match=r"a video track\. Received none from .*film\.mkv"):
        read_frames(make_film(tones=(0.1,)), times_s=[0.0], size_px=32)


@pytest.mark.parametrize("folder", ["with spaces", "Straßenbahn 電車", 'it\'s "quoted" & 100%#?'])
def test_any_path_is_read(make_film, tmp_path, folder):
    film = make_film(greys=(50,), tones=(0.1,))
    path = tmp_path / folder / f"{folder}.mkv"
    path.parent.mkdir()
    film.rename(path)
    assert seen_and_heard(path) == (50, 0.1)
    assert probe(path).has_video


@pytest.mark.parametrize("suffix", [".wav", ".mp4", ".txt", ""])
def test_the_suffix_does_not_matter(make_film, tmp_path, suffix):
    path = make_film(greys=(50,), tones=(0.1,)).rename(tmp_path / f"film{suffix}")
    assert seen_and_heard(path) == (50, 0.1)


def test_a_container_without_its_index_is_refused(make_film):
    path = make_film(greys=(50,), name="film.mp4")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])
    with pytest.raises(DecodeError, match=r"readable media file.*film\.mp4"):
        read_frames(path, times_s=[0.0], size_px=32)
    with pytest.raises(DecodeError, match=r"readable media file.*film\.mp4"):
        read_audio(path, sample_rate_hz=RATE_HZ, duration_s=1.0)
