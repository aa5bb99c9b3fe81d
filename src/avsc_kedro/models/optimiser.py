"""What moves the weights: Adam on equation 4, its learning rate, in chosen numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from avsc_kedro.models.losses import RegularisedNetwork
from avsc_kedro.options import ComputeOptions, TrainingOptions


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Have what is built in this block compute in these numbers.

    Args:
        name: A dtype policy of Keras, such as `float32` or `mixed_bfloat16`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compile_training(
    network: keras.Model, options: TrainingOptions, compute: ComputeOptions, *, steps: int
) -> RegularisedNetwork:
    """Return the network with its loss and Adam.

    Args:
        network: What is trained; weights that are not trainable stay as they are.
        options: Learning rate, L2, and in how many parts a batch goes through.
        compute: In which numbers the network computes, and whether XLA compiles the step. JAX
            always compiles it, with XLA: one operation at a time it is many times slower.
        steps: Parts of batches in the whole training, which the learning rate's schedule spans.
    """
    adam = keras.optimizers.Adam(
        learning_rate(options, steps),
        gradient_accumulation_steps=options.accumulation_steps
        if options.accumulation_steps > 1
        else None,
    )
    if compute.precision == "mixed_float16":
        # Keras does so by itself only where the loss is computed in float16 too.
        adam = keras.optimizers.LossScaleOptimizer(adam)
    trainer = RegularisedNetwork(network, l2_lambda=options.l2_lambda)
    compiled = compute.xla or keras.backend.backend() == "jax"
    trainer.compile(optimizer=adam, jit_compile=compiled)
    # Variables made inside the first step would have it traced twice.
    trainer.optimizer.build(network.trainable_variables)
    return trainer


def learning_rate(options: TrainingOptions, steps: int):
    """Rise linearly over the warm-up epochs, then stay or fall as a cosine to zero.

    Args:
        options: Rate, schedule, epochs of warm-up and in all.
        steps: Of the whole training.

    Returns:
        A number, or a schedule over steps.
    """
    warmup = min(steps, round(steps * options.warmup_epochs / options.epochs))
    if options.schedule == "constant" and not warmup:
        return options.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else options.learning_rate,
        max(1, steps - warmup),
        alpha=1.0 if options.schedule == "constant" else 0.0,
        warmup_target=options.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
