import numpy as np

from avsc_kedro.signal.level import log_power


def test_ten_log_ten_against_one():
    power = np.array([1.0, 100.0, 1e-3, 2.0])
    np.testing.assert_allclose(log_power(power), [0, 20, -30, 10 * np.log10(2)], atol=1e-5)


def test_floor_holds_for_silence_and_below_only():
    level = log_power(np.array([0.0, 1e-17, 1e-15], np.float32))
    np.testing.assert_allclose(level, [-160, -160, -150], atol=1e-4)
    assert level.dtype == np.float32


def test_the_maximum_is_no_reference():
    quiet = np.array([1e-6, 1e-8], np.float32)
    np.testing.assert_allclose(log_power(quiet), [-60, -80], atol=1e-4)
