import numpy as np

from avsc_kedro.vision import frame_times, squash


def test_two_a_second_from_the_first_instant():
    times = frame_times(frames_per_second=2, duration_s=10.0)
    assert times.tolist() == [k / 2 for k in range(20)]


def test_a_fraction_of_a_frame_is_rounded():
    assert frame_times(frames_per_second=0.5, duration_s=3.9).tolist() == [0.0, 2.0]


def test_shrinking_averages_areas():
    frame = np.zeros((4, 4, 3), np.uint8)
    frame[:2, 2:] = (200, 100, 40)
    frame[2:, :2] = [[(0, 0, 0), (80, 80, 80)], [(40, 40, 40), (80, 80, 80)]]
    small = squash(frame, size_px=2)
    assert small.tolist() == [[[0] * 3, [200, 100, 40]], [[50] * 3, [0] * 3]]


def test_growing_and_shrinking_at_once():
    frame = np.zeros((2, 8, 3), np.uint8)
    frame[:, 4:] = 100
    squashed = squash(frame, size_px=4)
    assert squashed.shape == (4, 4, 3)
    np.testing.assert_array_equal(squashed[..., 0], [[0, 0, 100, 100]] * 4)


def test_one_pixel_fills_the_square():
    frame = np.array([[[1, 2, 3]]], np.uint8)
    np.testing.assert_array_equal(squash(frame, size_px=32), np.tile(frame, (32, 32, 1)))


def test_the_right_size_is_left_alone():
    frame = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    np.testing.assert_array_equal(squash(frame, size_px=48), frame)
