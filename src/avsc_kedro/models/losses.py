"""Equation 4: Kullback-Leibler divergence plus L2 on every trainable variable."""

from __future__ import annotations

import keras
from keras import ops


def half_squared_norm(variables):
    """Return 1/2 ||theta||^2 over all variables, a scalar tensor."""
    return 0.5 * sum(ops.sum(ops.square(variable)) for variable in variables)


class RegularisedDivergence(keras.losses.Loss):
    """Equation 4 for each sample, the penalty in full: the mean over samples is the loss.

    As one loss of Keras, and not a sum of two, it is shared out among devices as a whole.
    """

    def __init__(self, network: keras.Model, *, l2_lambda: float):
        super().__init__(name="regularised_divergence")
        self.network = network
        self.l2_lambda = l2_lambda

    def call(self, y_true, y_pred):
        penalty = self.l2_lambda * half_squared_norm(self.network.trainable_variables)
        return keras.losses.kl_divergence(y_true, y_pred) + penalty


class RegularisedNetwork(keras.Model):
    """A network with the loss of equation 4; training it trains the network inside.

    The paper sums over samples; here KL is the mean over the batch, so that the
    learning rate does not depend on the batch size.

    Args:
        network: From samples to probabilities.
        l2_lambda: The paper's lambda; half of it times the squared norm is added.
    """

    def __init__(self, network: keras.Model, *, l2_lambda: float):
        # In float32: it would round samples before the network sees them. Layers keep their own.
        super().__init__(name=f"{network.name}_training", dtype="float32")
        self.network = network
        self.divergence = RegularisedDivergence(network, l2_lambda=l2_lambda)
        self.accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")

    def call(self, x, training=None):
        return self.network(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.divergence(y, y_pred)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.accuracy.update_state(y, y_pred)
        return self.get_metrics_result()
