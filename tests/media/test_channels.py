import numpy as np
import pytest

from avsc_kedro.media.channels import to_stereo


def units(count):
    """Channel k is a single 1 at sample k."""
    return np.eye(count, dtype=np.float32)


def test_one_channel_becomes_two_equal_ones():
    assert to_stereo(np.array([[1.0, 2.0]], np.float32)).tolist() == [[1, 2], [1, 2]]


def test_two_channels_stay():
    np.testing.assert_array_equal(to_stereo(units(2)), units(2))


def test_six_channels_in_stored_order():
    left, right = to_stereo(units(6))
    np.testing.assert_allclose(left, [1, 0, 0.707, 0, 0.707, 0])
    np.testing.assert_allclose(right, [0, 1, 0.707, 0, 0, 0.707])


def test_names_decide_where_they_are_known():
    left, right = to_stereo(units(3), names=("FC", "FR", "FL"))
    np.testing.assert_allclose([left, right], [[0.707, 0, 1], [0.707, 1, 0]])


def test_more_than_eight_unnamed_channels_are_refused():
    with pytest.raises(ValueError, match=r"at most 8 channels\. Received 9"):
        to_stereo(units(9))
