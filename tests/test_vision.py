from avsc_kedro.vision import frame_times


def test_two_a_second_from_the_first_instant():
    times = frame_times(frames_per_second=2, duration_s=10.0)
    assert times.tolist() == [k / 2 for k in range(20)]


def test_a_fraction_of_a_frame_is_rounded():
    assert frame_times(frames_per_second=0.5, duration_s=3.9).tolist() == [0.0, 2.0]
