import math

import numpy as np
import pytest
import soundfile
import soxr
from scipy.signal import resample_poly

from avsc_kedro.media.audio import read_audio
from avsc_kedro.media.channels import to_stereo
from avsc_kedro.media.decode_error import DecodeError


def tone(hz, *, rate, seconds, amplitude=0.25):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


def noise(rate, seconds, channels=2):
    rng = np.random.default_rng(0)
    return 0.1 * rng.standard_normal((channels, round(rate * seconds)))


def write_wav(path, waveform, *, rate, subtype="PCM_24", **others):
    soundfile.write(path, waveform.T, rate, subtype=subtype, **others)
    return path


def test_24_bits_survive(tmp_path):
    waveform = noise(32_000, 0.5) / 1000
    path = write_wav(tmp_path / "quiet.wav", waveform, rate=32_000)
    heard = read_audio(path, sample_rate_hz=32_000, duration_s=0.5)
    assert heard.shape == (2, 16_000)
    assert heard.dtype == np.float32
    assert np.abs(heard - waveform).max() < 2**-23


def test_flac_reads_as_wav_does(tmp_path):
    waveform = noise(32_000, 0.5)
    wav = write_wav(tmp_path / "a.wav", waveform, rate=32_000)
    flac = write_wav(tmp_path / "a.flac", waveform, rate=32_000)
    both = [read_audio(p, sample_rate_hz=32_000, duration_s=0.5) for p in (wav, flac)]
    # Both writers round to 24 bits, not always to the same side.
    np.testing.assert_allclose(*both, rtol=0, atol=2**-23)


def test_resampling_keeps_a_tone_in_place(tmp_path):
    stereo = np.stack([tone(440, rate=48_000, seconds=1), tone(1234, rate=48_000, seconds=1)])
    path = write_wav(tmp_path / "tones.wav", stereo, rate=48_000)
    heard = read_audio(path, sample_rate_hz=32_000, duration_s=1.0)
    expected = np.stack([tone(440, rate=32_000, seconds=1), tone(1234, rate=32_000, seconds=1)])
    assert heard.shape == (2, 32_000)
    np.testing.assert_allclose(heard[:, 500:-500], expected[:, 500:-500], atol=1e-4)


def test_the_stretch_starts_where_asked(tmp_path):
    waveform = noise(16_000, 2)
    path = write_wav(tmp_path / "a.wav", waveform, rate=16_000)
    heard = read_audio(path, sample_rate_hz=16_000, duration_s=0.5, start_s=1.25)
    np.testing.assert_allclose(heard, waveform[:, 20_000:28_000], atol=1e-6)


def test_one_channel_is_doubled_and_mono_is_the_mean(tmp_path):
    single = write_wav(tmp_path / "one.wav", noise(16_000, 1, channels=1), rate=16_000)
    left, right = read_audio(single, sample_rate_hz=16_000, duration_s=1.0)
    np.testing.assert_array_equal(left, right)

    waveform = noise(16_000, 1)
    double = write_wav(tmp_path / "two.wav", waveform, rate=16_000)
    left, right = read_audio(double, sample_rate_hz=16_000, duration_s=1.0, channels="mono")
    np.testing.assert_array_equal(left, right)
    np.testing.assert_allclose(left, waveform.mean(axis=0), atol=1e-6)


def test_six_channels_are_mixed_down(tmp_path):
    waveform = noise(16_000, 0.5, channels=6)
    path = write_wav(tmp_path / "six.wav", waveform, rate=16_000)
    left, _ = read_audio(path, sample_rate_hz=16_000, duration_s=0.5)
    expected = waveform[0] + 0.707 * (waveform[2] + waveform[4])
    np.testing.assert_allclose(left, expected, atol=1e-5)


def test_a_container_sounds_as_what_was_encoded(make_track):
    stereo = np.stack([tone(440, rate=44_100, seconds=2), tone(1234, rate=44_100, seconds=2)])
    path = make_track(stereo, rate=44_100)
    heard = read_audio(path, sample_rate_hz=44_100, duration_s=1.0, start_s=0.5)
    expected = stereo[:, 22_050:66_150]
    assert heard.shape == (2, 44_100)
    assert np.abs(heard - expected).max() < 0.02


def test_a_lossless_container_is_exact(make_track):
    waveform = noise(48_000, 1.0)
    path = make_track(waveform, rate=48_000, name="a.mkv", codec="pcm_f32le")
    heard = read_audio(path, sample_rate_hz=48_000, duration_s=0.5, start_s=0.25)
    np.testing.assert_array_equal(heard, waveform.astype(np.float32)[:, 12_000:36_000])


def test_surround_in_a_container_goes_by_its_layout(make_track):
    waveform = noise(48_000, 0.5, channels=6)
    path = make_track(waveform, rate=48_000, name="a.mkv", codec="pcm_f32le", layout="5.1")
    left, right = read_audio(path, sample_rate_hz=48_000, duration_s=0.5)
    np.testing.assert_allclose(left, waveform[0] + 0.707 * (waveform[2] + waveform[4]), atol=1e-6)
    np.testing.assert_allclose(right, waveform[1] + 0.707 * (waveform[2] + waveform[5]), atol=1e-6)


def test_a_little_short_is_filled_with_zeros(tmp_path):
    path = write_wav(tmp_path / "a.wav", noise(16_000, 0.97), rate=16_000)
    heard = read_audio(path, sample_rate_hz=16_000, duration_s=1.0)
    assert heard.shape == (2, 16_000)
    assert np.all(heard[:, 15_520:] == 0)
    assert np.any(heard[:, 15_519] != 0)


def test_too_short_is_refused(tmp_path):
    path = write_wav(tmp_path / "brief.wav", noise(16_000, 1.2), rate=16_000)
    with pytest.raises(DecodeError, match=r"10\.0 s of sound\. Received 1\.2 s from .*brief\.wav"):
        read_audio(path, sample_rate_hz=16_000, duration_s=10.0)


@pytest.mark.parametrize("name", ["empty.wav", "short.wav"])
def test_next_to_nothing_is_refused(odd, name):
    with pytest.raises(DecodeError, match=r"10\.0 s of sound\. Received 0\.0 s"):
        read_audio(odd(name), sample_rate_hz=32_000, duration_s=10.0)


def test_a_truncated_wav_is_refused_with_both_figures(tmp_path):
    path = write_wav(tmp_path / "cut.wav", noise(16_000, 2), rate=16_000)
    whole = path.read_bytes()
    path.write_bytes(whole[: round(0.96 * len(whole) / 2)])
    with pytest.raises(DecodeError, match=r"1\.2 s of audio as declared\. Received 1\.0 s") as e:
        read_audio(path, sample_rate_hz=16_000, duration_s=1.2)
    assert "cut off" in str(e.value)
    assert read_audio(path, sample_rate_hz=16_000, duration_s=0.9).shape == (2, 14_400)


def test_a_truncated_container_is_refused_with_both_figures(make_track):
    path = make_track(noise(44_100, 4), rate=44_100, options={"movflags": "faststart"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        DecodeError, match=r"4\.0 s of audio as declared\. Received [12]\.\d s.*clip"
    ):
        read_audio(path, sample_rate_hz=32_000, duration_s=4.0)


def test_samples_that_are_no_numbers_are_refused(tmp_path):
    waveform = noise(16_000, 1)
    waveform[0, 5:8] = (np.nan, np.inf, -np.inf)
    path = write_wav(tmp_path / "nan.wav", waveform, rate=16_000, subtype="FLOAT")
    with pytest.raises(DecodeError, match=r"finite samples\. Received 3 of 32000"):
        read_audio(path, sample_rate_hz=16_000, duration_s=1.0)


def test_no_sound_track_is_refused(odd):
    with pytest.raises(DecodeError, match=r"a sound track\. Received none from .*no-audio\.mp4"):
        read_audio(odd("no-audio.mp4"), sample_rate_hz=32_000, duration_s=5.0)


@pytest.mark.parametrize("name", ["missing.wav", "text.wav", "text.mp4"])
def test_what_cannot_be_opened_is_refused(tmp_path, name):
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(b"RIFF????WAVE" + b"nothing" if "wav" in name else b"text")
    with pytest.raises(DecodeError, match=name):
        read_audio(tmp_path / name, sample_rate_hz=32_000, duration_s=1.0)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("mpeg4-mp3.avi", 6.0), ("h264-mp3.mp4", 9.0), ("failing-audio.mp4", 10.0)],
)
def test_mp3_tracks(odd, name, seconds):
    heard = read_audio(odd(name), sample_rate_hz=32_000, duration_s=seconds)
    assert heard.shape == (2, round(32_000 * seconds))
    assert np.any(heard)


def test_a_hole_stays_where_it_is(make_track):
    rate, (first, second) = 48_000, np.split(noise(48_000, 10), 2, axis=1)
    lossless = {"rate": rate, "name": "a.mkv", "codec": "pcm_f32le"}
    path = make_track(first, second, hole=14_400, **lossless)
    heard = read_audio(path, sample_rate_hz=rate, duration_s=10.0)
    assert not heard[:, 240_000:254_400].any()
    np.testing.assert_allclose(heard[:, 254_400:], second[:, : 240_000 - 14_400], atol=1e-6)

    path = make_track(first, second, hole=48_000, **lossless)
    with pytest.raises(DecodeError, match=r"10\.0 s of sound\. Received 9\.0 s"):
        read_audio(path, sample_rate_hz=rate, duration_s=10.0)


def test_a_sound_track_with_a_late_second_packet_keeps_its_time(odd):
    # Its second packet comes 0.18 s in, the first lasts 0.02 s.
    path = odd("10fps-mono.mp4")
    with pytest.raises(DecodeError, match=r"2\.2 s of sound\. Received 2\.0 s"):
        read_audio(path, sample_rate_hz=48_000, duration_s=2.2)
    assert read_audio(path, sample_rate_hz=48_000, duration_s=1.8, start_s=0.2).any()


def test_silence_is_zeros(odd):
    heard = read_audio(odd("silence.wav"), sample_rate_hz=32_000, duration_s=2.0)
    np.testing.assert_array_equal(heard, np.zeros((2, 64_000)))


def test_an_absurd_sample_rate_is_refused_before_memory_is_asked_for(tmp_path):
    path = tmp_path / "torn.wav"
    write_wav(path, np.zeros((2, 800)), rate=8000)
    content = bytearray(path.read_bytes())
    content[24:28] = (1_073_741_824).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=r"at most 768000 Hz\. Received 1073741824 Hz .*torn"):
        read_audio(path, sample_rate_hz=8000, duration_s=1.0)


@pytest.mark.parametrize(("suffix", "channels"), [("wav", 1024), ("wav", 9), ("aiff", 16)])
def test_too_many_channels_are_refused_before_memory_is_asked_for(tmp_path, suffix, channels):
    """AIFF is read by FFmpeg."""
    path = write_wav(tmp_path / f"wide.{suffix}", np.zeros((channels, 8)), rate=48_000)
    expected = rf"at most 8 channels\. Received {channels} from .*wide.*Mix it down to two channels"
    with pytest.raises(DecodeError, match=expected):
        read_audio(path, sample_rate_hz=32_000, duration_s=1e9)  # beyond any address space


def test_eight_channels_are_mixed_down(tmp_path):
    waveform = noise(16_000, 0.5, channels=8)
    path = write_wav(tmp_path / "eight.wav", waveform, rate=16_000)
    _, right = read_audio(path, sample_rate_hz=16_000, duration_s=0.5)
    expected = waveform[1] + 0.707 * (waveform[2] + waveform[5] + waveform[7])
    np.testing.assert_allclose(right, expected, atol=1e-5)


def band_limited(rate, seconds, *, highest_hz):
    """Noise without anything above a frequency, fading in and out."""
    count = round(rate * seconds)
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal((2, count)))
    spectrum[:, np.fft.rfftfreq(count, 1 / rate) > highest_hz] = 0
    waveform = np.fft.irfft(spectrum, count) * np.hanning(count)
    return 0.5 * waveform / np.abs(waveform).max()


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("suffix", ["wav", "mkv"])
def test_any_rate_becomes_the_rate_asked_for(tmp_path, make_track, rate, suffix):
    """Within -60 dB of full scale of what scipy's filter makes of it."""
    common = math.gcd(32_000, rate)
    waveform = band_limited(rate, 2, highest_hz=0.35 * min(rate, 32_000))
    if suffix == "wav":
        path = write_wav(tmp_path / "a.wav", waveform, rate=rate, subtype="FLOAT")
    else:
        path = make_track(waveform, rate=rate, name="a.mkv", codec="pcm_f32le")
    heard = read_audio(path, sample_rate_hz=32_000, duration_s=2.0)
    expected = resample_poly(waveform, 32_000 // common, rate // common, axis=1)
    assert heard.shape == (2, 64_000)
    np.testing.assert_allclose(heard, expected[:, :64_000], atol=1e-3)


@pytest.mark.parametrize(
    ("subtype", "step"), [("PCM_16", 2**-15), ("PCM_32", 2**-24), ("FLOAT", 0), ("DOUBLE", 2**-24)]
)
def test_any_sample_format_keeps_its_precision(tmp_path, subtype, step):
    waveform = noise(16_000, 0.5).astype(np.float32)
    path = write_wav(tmp_path / "a.wav", waveform, rate=16_000, subtype=subtype)
    heard = read_audio(path, sample_rate_hz=16_000, duration_s=0.5)
    np.testing.assert_allclose(heard, waveform, rtol=0, atol=step)


def test_samples_beyond_full_scale_stay(tmp_path):
    waveform = np.full((2, 8000), 1.75)
    path = write_wav(tmp_path / "loud.wav", waveform, rate=16_000, subtype="FLOAT")
    heard = read_audio(path, sample_rate_hz=16_000, duration_s=0.5)
    np.testing.assert_array_equal(heard, waveform)


@pytest.mark.parametrize("channels", ["stereo", "mono"])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_resampling_comes_after_mixing(tmp_path, count, channels):
    """Whatever is cheaper, it is what mixing and then resampling both channels gives."""
    waveform = noise(44_100, 1, channels=count).astype(np.float32)
    path = write_wav(tmp_path / "a.wav", waveform, rate=44_100, subtype="FLOAT")
    heard = read_audio(path, sample_rate_hz=32_000, duration_s=1.0, channels=channels)
    both = to_stereo(waveform)
    if channels == "mono":
        both = np.repeat(both.mean(axis=0, keepdims=True), 2, axis=0)
    expected = soxr.resample(both.T, 44_100, 32_000, quality="HQ").T
    np.testing.assert_allclose(heard, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("seconds", "kept"), [(2.0, 16_000), (0.96, 15_360)])
def test_the_stretch_is_cut_or_filled_to_its_exact_length(make_track, seconds, kept):
    waveform = 0.5 + noise(16_000, seconds) / 10
    path = make_track(waveform, rate=16_000, name="a.mkv", codec="pcm_f32le")
    heard = read_audio(path, sample_rate_hz=16_000, duration_s=1.0)
    assert heard.shape == (2, 16_000)
    np.testing.assert_allclose(heard[:, :kept], waveform[:, :kept], atol=1e-6)
    assert not heard[:, kept:].any()


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "aac"), ("a.mp3", "libmp3lame"), ("a.ogg", "libopus"), ("a.mkv", "pcm_s16le")],
)
def test_a_later_stretch_is_part_of_the_whole(make_track, name, codec):
    path = make_track(noise(48_000, 4), rate=48_000, name=name, codec=codec)
    whole = read_audio(path, sample_rate_hz=48_000, duration_s=3.5)
    later = read_audio(path, sample_rate_hz=48_000, duration_s=1.5, start_s=2.0)
    np.testing.assert_array_equal(later, whole[:, 96_000:])


def test_an_empty_wav_is_refused(tmp_path):
    path = write_wav(tmp_path / "none.wav", np.zeros((2, 0)), rate=16_000)
    with pytest.raises(DecodeError, match=r"1\.0 s of sound\. Received 0\.0 s from .*none\.wav"):
        read_audio(path, sample_rate_hz=16_000, duration_s=1.0)


def test_silence_in_a_container_is_zeros(make_track):
    path = make_track(np.zeros((2, 48_000)), rate=48_000)
    heard = read_audio(path, sample_rate_hz=32_000, duration_s=1.0)
    np.testing.assert_array_equal(heard, np.zeros((2, 32_000)))


@pytest.mark.parametrize("content", [b"", b"no sound at all" * 50])
@pytest.mark.parametrize("name", ["broken.wav", "broken.mp4"])
def test_a_file_that_is_no_sound_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DecodeError, match=name):
        read_audio(tmp_path / name, sample_rate_hz=16_000, duration_s=1.0)


@pytest.mark.parametrize(
    "name", ["a.mp4", "a.txt", "Straßenbahn 電車.wav", 'it\'s a "tram" #1.wav']
)
def test_a_wav_of_any_name_is_read(tmp_path, name):
    waveform = noise(16_000, 0.5)
    path = tmp_path / name
    write_wav(path, waveform, rate=16_000, format="WAV")
    heard = read_audio(path, sample_rate_hz=16_000, duration_s=0.5)
    np.testing.assert_allclose(heard, waveform, atol=2**-23)
