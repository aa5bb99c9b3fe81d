"""Clips through a trained network: embeddings and probabilities, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from avsc_kedro.models.backbone import embedding_model

OUTPUTS = ("fc1024", "fc10", "probabilities")


def embed_clips(
    network: keras.Model,
    rows: Sequence[np.ndarray],
    *,
    batch_size: int,
    on_batch: Callable[[int], None] = lambda clips: None,
) -> dict[str, np.ndarray]:
    """Embed every clip.

    A clip that is a stack of frames gives the mean over its frames, of the
    embeddings as of the softmax (section 3.2 scores whole clips).

    Args:
        network: A backbone.
        rows: One array a clip: a sample of the network, or a stack of samples.
        batch_size: Samples, not clips, that go through at a time.
        on_batch: Called with the number of clips done since the last call.

    Returns:
        `fc1024` (clips, 1024), `fc10` (clips, classes), `probabilities`
        (clips, classes), float32.
    """
    model = embedding_model(network)
    stacked = rows[0].ndim == len(network.input_shape)
    samples_per_clip = len(rows[0]) if stacked else 1
    # Of a single video most of a batch would be padding.
    batch_size = min(batch_size, len(rows) * samples_per_clip)
    clips_per_batch = max(1, batch_size // samples_per_clip)
    parts = []
    for start in range(0, len(rows), clips_per_batch):
        stop = min(start + clips_per_batch, len(rows))
        batch = [rows[index] for index in range(start, stop)]
        samples = np.concatenate(batch) if stacked else np.stack(batch)
        vectors = _predict(model, samples, batch_size)
        parts.append(_mean_by_clip(vectors, stop - start))
        on_batch(stop - start)
    return {name: np.concatenate([part[name] for part in parts]) for name in OUTPUTS}


def _predict(model, samples, batch_size):
    """Predict in batches padded to full size, so that all of them run the one traced graph."""
    padding = -len(samples) % batch_size
    padded = np.pad(samples, [(0, padding)] + [(0, 0)] * (samples.ndim - 1))
    batches = [
        model.predict_on_batch(batch.astype(np.float32))
        for batch in np.split(padded, len(padded) // batch_size)
    ]
    return {
        name: np.concatenate([batch[name] for batch in batches])[: len(samples)]
        for name in batches[0]
    }


def _mean_by_clip(outputs, clips):
    return {
        name: values.reshape(clips, -1, values.shape[-1]).mean(axis=1, dtype=np.float32)
        for name, values in outputs.items()
    }
