import keras
import numpy as np
import pytest

from avsc_kedro.models.losses import RegularisedNetwork, half_squared_norm

RNG = np.random.default_rng(0)


def soft(rows, *, least):
    values = RNG.dirichlet(np.full(4, 0.4), size=rows)
    return (values * (1 - 4 * least) + least).astype(np.float32)


def linear_network(size=3, classes=4, extra=()):
    inputs = keras.Input((size,))
    x = inputs
    for layer in extra:
        x = layer(x)
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x), name="tiny")


def equation_4(labels, probabilities, weights, *, l2_lambda):
    y, p = labels.astype(np.float64), probabilities.astype(np.float64)
    divergence = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / p), 0).sum(axis=1).mean()
    return divergence + l2_lambda / 2 * sum(np.sum(np.float64(w) ** 2) for w in weights)


@pytest.mark.parametrize("l2_lambda", [0.0, 2e-5, 0.3])
def test_loss_against_the_formula(l2_lambda):
    network = linear_network()
    trainer = RegularisedNetwork(network, l2_lambda=l2_lambda)
    labels, probabilities = soft(50, least=1e-6), soft(50, least=1e-6)
    loss = float(trainer.compute_loss(y=labels, y_pred=probabilities))
    expected = equation_4(labels, probabilities, network.get_weights(), l2_lambda=l2_lambda)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_hard_labels():
    trainer = RegularisedNetwork(linear_network(), l2_lambda=0.0)
    probabilities = soft(4, least=1e-3)
    loss = float(trainer.compute_loss(y=np.eye(4, dtype=np.float32), y_pred=probabilities))
    assert loss == pytest.approx(-np.log(np.diag(probabilities)).mean(), rel=1e-5)


def test_the_norm_takes_trainable_variables_and_no_others():
    frozen = keras.layers.Dense(3)
    frozen.trainable = False
    network = linear_network(extra=[keras.layers.BatchNormalization(), frozen])
    for variable in network.variables:
        if "float" in variable.dtype:
            variable.assign(RNG.normal(size=variable.shape))
    trainable = [
        network.layers[1].gamma,
        network.layers[1].beta,
        network.layers[-1].kernel,
        network.layers[-1].bias,
    ]
    expected = sum(np.sum(np.square(keras.ops.convert_to_numpy(v))) for v in trainable) / 2
    assert float(half_squared_norm(network.trainable_variables)) == pytest.approx(
        expected, rel=1e-5
    )


def test_one_step_follows_the_gradient_of_equation_4():
    network = linear_network()
    kernel, bias = (w.astype(np.float64) for w in network.get_weights())
    x, y = RNG.normal(size=(6, 3)).astype(np.float32), soft(6, least=0.0)
    logits = x @ kernel + bias
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    slope = (p - y) / len(x)  # of KL by the logits

    trainer = RegularisedNetwork(network, l2_lambda=0.5)
    trainer.compile(optimizer=keras.optimizers.SGD(0.1))
    trainer.train_on_batch(x, y)
    new_kernel, new_bias = network.get_weights()
    np.testing.assert_allclose(new_kernel, kernel - 0.1 * (x.T @ slope + 0.5 * kernel), atol=1e-6)
    np.testing.assert_allclose(new_bias, bias - 0.1 * (slope.sum(axis=0) + 0.5 * bias), atol=1e-6)


def test_accuracy_compares_the_likeliest_classes():
    network = linear_network()
    trainer = RegularisedNetwork(network, l2_lambda=0.0)
    trainer.compile(optimizer="sgd")
    x, y = RNG.normal(size=(20, 3)).astype(np.float32), soft(20, least=0.0)
    logs = trainer.evaluate(x, y, batch_size=7, return_dict=True, verbose=0)
    p = keras.ops.convert_to_numpy(network(x))
    assert logs["accuracy"] == pytest.approx(np.mean(p.argmax(axis=1) == y.argmax(axis=1)))
    assert logs["loss"] == pytest.approx(equation_4(y, p, [], l2_lambda=0), rel=1e-4)
