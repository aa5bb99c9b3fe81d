import keras
import numpy as np
import pytest

from avsc_kedro.models.embedding import embed_clips

FRAME = (4, 4, 3)


@pytest.fixture(scope="module")
def network():
    """A network on small frames with a batch norm that has seen data."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(FRAME)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(1024, activation="relu", name="fc1024")(x)
    x = keras.layers.Dense(3, name="fc10")(x)
    return keras.Model(inputs, keras.layers.Softmax()(x))


def stacks(clips=5, frames=3):
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (frames, *FRAME)).astype(np.uint8) for _ in range(clips)]


def direct(network, samples):
    """Each layer's output for each sample, sample by sample."""
    samples = np.asarray(samples, np.float32)
    outputs = {}
    for name in ("fc1024", "fc10", "probabilities"):
        layer = network.layers[-1] if name == "probabilities" else network.get_layer(name)
        part = keras.Model(network.input, layer.output)
        outputs[name] = np.concatenate([np.asarray(part(s[None])) for s in samples])
    return outputs


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_single_samples_equal_direct_prediction(network, batch_size):
    rows = [stack[0].astype(np.float32) for stack in stacks()]
    done = []
    vectors = embed_clips(network, rows, batch_size=batch_size, on_batch=done.append)
    expected = direct(network, rows)
    assert {name: values.shape for name, values in vectors.items()} == {
        "fc1024": (5, 1024),
        "fc10": (5, 3),
        "probabilities": (5, 3),
    }
    for name, values in vectors.items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-5)
    assert sum(done) == 5


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64])
def test_a_clip_of_frames_gives_their_mean(network, batch_size):
    rows = stacks()
    done = []
    vectors = embed_clips(network, rows, batch_size=batch_size, on_batch=done.append)
    expected = direct(network, np.concatenate(rows))
    for name, values in vectors.items():
        means = np.stack([expected[name][3 * i : 3 * i + 3].mean(axis=0) for i in range(5)])
        np.testing.assert_allclose(values, means, rtol=1e-4, atol=1e-5)
    assert sum(done) == 5
    softmax_of_mean = np.exp(vectors["fc10"])
    softmax_of_mean /= softmax_of_mean.sum(axis=1, keepdims=True)
    assert np.abs(vectors["probabilities"] - softmax_of_mean).max() > 1e-6


def test_no_more_samples_go_through_at_a_time_than_told(network, batch_sizes):
    rows = stacks(frames=3)
    vectors = embed_clips(network, rows, batch_size=2)
    assert batch_sizes == [2, 2] * len(rows)
    for name, values in embed_clips(network, rows, batch_size=64).items():
        np.testing.assert_allclose(vectors[name], values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("batch_size", "sizes"), [(64, [15]), (15, [15]), (14, [14, 14])])
def test_what_fits_into_one_batch_is_not_padded(network, batch_sizes, batch_size, sizes):
    embed_clips(network, stacks(clips=5, frames=3), batch_size=batch_size)
    assert batch_sizes == sizes


def test_a_stack_of_one_frame_is_that_frame(network):
    rows = stacks(frames=1)
    stacked = embed_clips(network, rows, batch_size=2)
    single = embed_clips(network, [row[0] for row in rows], batch_size=2)
    for name, values in stacked.items():
        np.testing.assert_allclose(values, single[name], rtol=1e-4, atol=1e-5)


def test_the_audio_network(audio_backbone):
    network = audio_backbone()
    rng = np.random.default_rng(0)
    rows = [rng.normal(-60, 20, (16, 17, 2)).astype(np.float32) for _ in range(3)]
    vectors = embed_clips(network, rows, batch_size=2)
    np.testing.assert_allclose(vectors["probabilities"], network(np.stack(rows)), atol=1e-5)
