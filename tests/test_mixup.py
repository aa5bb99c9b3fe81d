import numpy as np
import pytest

from avsc_kedro.mixup import BLOCK, draw_partners, draw_weights, mix


def rng():
    return np.random.default_rng(11)


def test_uniform_weights():
    weights = draw_weights(rng(), 20_000, distribution="uniform", alpha=0.4)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(np.quantile(weights, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.015)


def test_beta_weights_have_its_variance():
    weights = draw_weights(rng(), 50_000, distribution="beta", alpha=0.4)
    assert weights.dtype == np.float32
    assert weights.mean() == pytest.approx(0.5, abs=0.01)
    assert weights.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), rel=0.02)


def test_off_leaves_samples_alone():
    weights = draw_weights(rng(), 3, distribution="none", alpha=0.4)
    assert weights.tolist() == [1, 1, 1]
    a, b = rng().standard_normal((2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(mix(a, b, weights), a)


def test_an_unknown_distribution_is_refused():
    with pytest.raises(ValueError, match="uniform, beta or none"):
        draw_weights(rng(), 3, distribution="normal", alpha=1.0)


def test_every_sample_is_a_partner_once():
    partners = draw_partners(rng(), np.zeros(50, int), different_scenes=False)
    assert sorted(partners) == list(range(50))


def test_partners_are_of_other_scenes_and_evenly_drawn():
    labels = np.array([0] * 5 + [1, 2, 3])
    source = rng()
    drawn = np.stack([draw_partners(source, labels, different_scenes=True) for _ in range(3000)])
    assert np.all(labels[drawn] != labels)
    counts = np.bincount(drawn[:, 0], minlength=8)
    np.testing.assert_allclose(counts[5:], 1000, atol=120)


def test_a_single_scene_mixes_with_itself():
    partners = draw_partners(rng(), np.array([4, 4, 4]), different_scenes=True)
    assert partners.tolist() == [0, 1, 2]


def test_mix_by_hand_broadcasts_over_trailing_axes():
    a = np.ones((2, 2, 1), np.float32)
    b = np.full((2, 2, 1), 5, np.uint8)
    mixed = mix(a, b, np.array([0.25, 1.0]))
    assert mixed.tolist() == [[[4.0], [4.0]], [[1.0], [1.0]]]
    assert mixed.dtype == np.float32


@pytest.mark.parametrize(
    "shape",
    [
        (7, BLOCK + 3),
        (3, 2, BLOCK),
        (5, BLOCK // 2),
        (2, BLOCK // 2 + 1, 2),
        (9, 3),
        (0, 4),
        (3, 0),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_mix_is_the_equation_however_it_is_cut_into_blocks(shape, dtype):
    a, b = rng().uniform(0, 255, (2, *shape)).astype(dtype)
    weights = rng().random(shape[0], dtype=np.float32)
    mixed = mix(a, b, weights)
    w = weights.astype(np.float64).reshape(-1, *[1] * (len(shape) - 1))
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, w * a + (1 - w) * b, rtol=0, atol=1e-4)


def test_mix_leaves_its_inputs_alone():
    a, b = rng().uniform(0, 255, (2, 3, 4)).astype(np.float32)
    before = a.copy(), b.copy()
    mixed = mix(a, b, np.array([0.2, 0.5, 1.0]))
    mixed[...] = 0
    np.testing.assert_array_equal((a, b), before)


def test_the_same_seed_draws_the_same():
    labels = np.arange(6) % 2
    first, second = (draw_partners(rng(), labels, different_scenes=True) for _ in range(2))
    np.testing.assert_array_equal(first, second)
