import keras
import numpy as np
import pytest

from avsc_kedro.models.backbone import build_audio_backbone
from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.embedding import embed_clips
from avsc_kedro.models.files import digest_weights, load_model, save_model
from avsc_kedro.models.losses import RegularisedNetwork
from avsc_kedro.models.optimiser import compile_training, precision
from avsc_kedro.models.samples import SpectrogramSamples
from avsc_kedro.models.training import train
from avsc_kedro.options import AudioBackboneOptions, ComputeOptions
from avsc_kedro.paper import BRANCHES

SETTINGS = {"classes": 2, "seed": 3, "title": "tiny"}
CLIPS = 12


def build():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(8, activation="relu", name="hidden")(inputs)
    x = keras.layers.Dense(2)(x)
    return keras.Model(inputs, keras.layers.Softmax(dtype="float32")(x), name="tiny")


def clips():
    rng = np.random.default_rng(0)
    labels = np.arange(CLIPS) % 2
    rows = (rng.normal(size=(CLIPS, 4)) + labels[:, None]).astype(np.float32)
    return LabelledSamples(SpectrogramSamples(rows), labels)


@pytest.fixture
def fit(training_options):
    """Train from the same weights each time; keywords change the training options."""

    def run(compute=None, **changes):
        options = training_options(
            **{"epochs": 3, "l2_lambda": 0.1, "learning_rate": 0.01, **changes}
        )
        course = {**SETTINGS, "compute": compute or ComputeOptions()}
        return train(build, clips(), None, options=options, **course)

    return run


def assert_close(trained, other, *, rel):
    assert [row["loss"] for row in trained.history] == pytest.approx(
        [row["loss"] for row in other.history], rel=rel
    )
    for ours, theirs in zip(
        trained.network.get_weights(), other.network.get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=rel, atol=rel)


@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_moves_the_weights_as_one_in_whole(fit, parts):
    whole = fit(batch_size=4)
    assert_close(fit(batch_size=4, accumulation_steps=parts), whole, rel=1e-4)
    with pytest.raises(AssertionError):  # it is not that any batch would do
        assert_close(fit(batch_size=4 // parts), whole, rel=1e-4)


def test_parts_of_batches_count_as_steps_of_the_schedule(training_options):
    options = training_options(
        epochs=2, learning_rate=0.01, schedule="cosine", batch_size=4, accumulation_steps=2
    )
    trainer = compile_training(build(), options, ComputeOptions(), steps=8)
    rates = []
    for _ in range(8):
        rates.append(float(trainer.optimizer.learning_rate))
        trainer.train_on_batch(np.ones((2, 4)), np.eye(2))
    expected = [0.005 * (1 + np.cos(np.pi * part / 8)) for part in range(8)]
    assert rates == pytest.approx(expected, rel=1e-5)


def test_xla_trains_to_the_same_weights(fit):
    assert_close(fit(ComputeOptions(xla=True)), fit(), rel=1e-4)


@pytest.mark.parametrize("name", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_trains_nearly_the_same(fit, name):
    single, half = fit(), fit(ComputeOptions(precision=name))
    ours, theirs = ([row["loss"] for row in done.history] for done in (half, single))
    assert ours == pytest.approx(theirs, rel=0.02)
    assert ours != theirs
    assert {weights.dtype for weights in half.network.get_weights()} == {np.dtype("float32")}


def test_a_gradient_too_small_for_half_precision_still_moves_the_weights(training_options):
    """Float16 ends at 6e-8: Keras multiplies the loss, and divides the gradients again."""

    def step(name):
        keras.utils.set_random_seed(0)
        with precision(name):
            inputs = keras.Input((4,))
            x = keras.layers.Dense(8, name="hidden")(inputs)
            x = keras.layers.Dense(2, dtype="float32")(x)
            network = keras.Model(inputs, keras.layers.Softmax(dtype="float32")(x), name="tiny")
        network.layers[-2].set_weights([np.full((8, 2), [[1e-8, -1e-8]]), np.zeros(2)])
        before = network.get_layer("hidden").get_weights()[0]
        compute = ComputeOptions(precision=name)
        trainer = compile_training(network, training_options(), compute, steps=1)
        trainer.train_on_batch(np.ones((2, 4)), np.eye(2)[[0, 0]])
        return network.get_layer("hidden").get_weights()[0] - before

    moved = step("mixed_float16")
    assert np.abs(moved).min() > 0
    np.testing.assert_allclose(np.sign(moved), np.sign(step("float32")))


def test_precision_ends_with_its_block():
    with precision("mixed_bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
    assert keras.layers.Dense(1).compute_dtype == "float32"
    with pytest.raises(RuntimeError), precision("mixed_float16"):
        raise RuntimeError
    assert keras.layers.Dense(1).compute_dtype == "float32"


@pytest.fixture
def spectrograms():
    """Of real levels: half a number would keep -100 dB to a quarter of a dB at best."""
    return list(np.random.default_rng(0).uniform(-110, -90, (3, 16, 17, 2)).astype(np.float32))


def test_input_and_head_stay_in_single_precision(training_options, spectrograms, tmp_path):
    options = AudioBackboneOptions(
        training=training_options(),
        batch_norm_momentum=0.9,
        head_dropout=0.0,
        widths=(8, 8, 8, 8),
    )

    def network(policy):
        keras.utils.set_random_seed(0)
        with precision(policy):
            return build_audio_backbone(
                BRANCHES[0],
                options,
                input_shape=(16, 17, 2),
                classes=3,
                mean=np.full(6, -100.0),
                variance=np.full(6, 30.0),
            )

    half = network("mixed_bfloat16")
    single = {"deltas", "input_constants", "fc1024", "head_dropout", "fc10", "softmax"}
    for layer in half.layers:
        if layer.name in single:
            assert layer.compute_dtype == "float32", layer.name
    assert half.get_layer("residual1_stem").compute_dtype == "bfloat16"
    save_model(half, tmp_path / "half.keras")
    loaded = load_model(tmp_path / "half.keras")
    assert digest_weights(loaded) == digest_weights(half)
    assert digest_weights(loaded) != digest_weights(network("float32"))
    vectors = embed_clips(loaded, spectrograms, batch_size=2)
    expected = embed_clips(network("float32"), spectrograms, batch_size=2)
    for name, values in expected.items():
        assert vectors[name].dtype == np.float32
        scale = np.abs(values).max()
        np.testing.assert_allclose(vectors[name], values, atol=0.05 * scale, err_msg=name)


def test_training_sees_samples_in_single_precision():
    inputs = keras.Input((1,), dtype="float32")
    with precision("mixed_bfloat16"):
        network = keras.Model(inputs, keras.layers.Identity(dtype="float32")(inputs))
        trainer = RegularisedNetwork(network, l2_lambda=0.0)
    level = np.array([[-100.06]], np.float32)
    np.testing.assert_array_equal(np.asarray(trainer(level)), level)
