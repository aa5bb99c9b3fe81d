"""How much faster OpenVINO and ONNX Runtime embed than Keras, with the same networks on a CPU.

    python benchmarks/engines.py
    python benchmarks/engines.py --batch 8 --repeats 5

Four networks at the paper's shapes, weights drawn at random. MEL, GAM and CQT have one structure
and input shape, so one of them stands for three; it is measured at two widths. Each gives its
three outputs (fc1024, fc10, probabilities) in float32. Engines take turns within a round; a ratio
is the median over the rounds. An engine is measured where its packages are installed and the
export can be run: openvino; onnxruntime, onnx and tf2onnx. The project does without. 2 cores: 4
minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from avsc_kedro import runtime  # noqa: E402

runtime.start_backend()

import keras  # noqa: E402
from keras import layers  # noqa: E402

from avsc_kedro.models.backbone import embedding_model  # noqa: E402
from avsc_kedro.models.residual_inception import build_residual_inception  # noqa: E402
from avsc_kedro.models.visual import build_convnext_tiny, build_inception_v3  # noqa: E402

SPECTROGRAM, FRAME = (128, 309, 2), (224, 224, 3)
CLASSES = 10
PAUSE_S = 0.3  # an engine's threads go on spinning for a while, at the next one's cost


Engine = Callable[[np.ndarray], dict[str, np.ndarray]]
# Mapped weights would hold a file that is gone by then; without f32 newer CPUs compute in
# bfloat16.
OPENVINO_SETTINGS = {"ENABLE_MMAP": False, "INFERENCE_PRECISION_HINT": "f32"}


class Line(NamedTuple):
    """One row: milliseconds a sample, Keras over the engine, and how far outputs differ."""

    network: str
    engine: str
    keras_ms: float
    engine_ms: float
    ratio: float
    difference: float


def build_audio(*widths: int, shape: tuple[int, int, int] = SPECTROGRAM) -> keras.Model:
    """Return an audio network; its constants are those of a spectrogram in dB."""
    ones = np.ones(6, np.float32)
    return build_residual_inception(shape, widths=widths, mean=-60 * ones, variance=400 * ones)


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "MEL, GAM, CQT: residual-inception (64, 64, 128, 128)": lambda: build_audio(64, 64, 128, 128),
    "the same, (128, 256, 320, 512)": lambda: build_audio(128, 256, 320, 512),
    "InceptionV3": lambda: build_inception_v3(FRAME, weights="none"),
    "ConvNeXtTiny, lean layers": lambda: build_convnext_tiny(FRAME, weights="none"),
}


def with_outputs(base: keras.Model) -> keras.Model:
    """Return the embedding model of a network with a head as in Phase I."""
    x = layers.Dense(1024, activation="relu", name="fc1024")(base.outputs[0])
    x = layers.Dense(CLASSES, name="fc10")(x)
    network = keras.Model(base.input, layers.Softmax(name="softmax")(x))
    return embedding_model(give_weights(network))


def give_weights(network: keras.Model, *, seed: int = 0) -> keras.Model:
    """Draw all weights so that each layer, LayerScale too, matters and none explodes."""
    rng = np.random.default_rng(seed)
    for variable in network.variables:
        if any(part in variable.path for part in ("gamma", "layer_scale", "variance")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif "kernel" in variable.path:
            spread = np.sqrt(2 / np.prod(variable.shape[:-1]))
            variable.assign(rng.normal(0, spread, variable.shape))
    return network


def start_keras(model: keras.Model) -> Engine:
    """Return what embedding uses."""
    return model.predict_on_batch


def start_openvino(model: keras.Model) -> Engine:
    """Return an engine of OpenVINO, by way of a SavedModel, which keeps the outputs' names."""
    # With this package openvino reports each import to its makers; without, it has a stub.
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    with TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False)
        compiled = openvino.Core().compile_model(folder, "CPU", OPENVINO_SETTINGS)
    names = list(model.output)

    def compute(batch):
        outputs = compiled(batch)
        return {name: np.array(outputs[name]) for name in names}

    return compute


def start_onnx(model: keras.Model) -> Engine:
    """Return an engine of ONNX Runtime, by Keras' own export.

    That export makes a normalisation's constants inputs of their own; they are fed each time.
    """
    import onnxruntime

    names = list(model.output)
    in_order = keras.Model(model.input, [model.output[name] for name in names])
    in_order(np.zeros((1, *model.input_shape[1:]), np.float32))  # Keras exports called models only
    with TemporaryDirectory() as folder:
        path = f"{folder}/network.onnx"
        in_order.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    sample, *others = [put.name for put in session.get_inputs()]
    fed = {name: _constant(model, name) for name in others}
    return lambda batch: dict(zip(names, session.run(None, {sample: batch, **fed}), strict=True))


def _constant(model, name):
    layer = model.get_layer("input_constants")
    return np.asarray(layer.mean if "/Sub/" in name else layer.variance, np.float32)


ENGINES = {"openvino": start_openvino, "onnxruntime": start_onnx}


def start_engines(model: keras.Model) -> dict[str, Engine]:
    """Return every engine that can be had, Keras first."""
    engines = {"keras": start_keras(model)}
    for name, start in ENGINES.items():
        try:
            engines[name] = start(model)
        except Exception as error:  # packages not there, or an operation that ONNX lacks
            print(f"without {name}: {type(error).__name__}: {error}", file=sys.stderr)
    return engines


def largest_difference(expected: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> float:
    """Return the largest difference of any output, relative to that output's largest value."""
    return max(
        float(np.abs(values - found[name]).max() / np.abs(values).max())
        for name, values in expected.items()
    )


def measure(network: str, base: keras.Model, *, batch: int, repeats: int) -> list[Line]:
    """Measure one network with every engine against Keras."""
    engines = start_engines(with_outputs(base))
    samples = np.random.default_rng(1).uniform(-90, 255, (batch, *base.input_shape[1:]))
    samples = samples.astype(np.float32)
    expected = engines["keras"](samples)
    differences = {
        name: largest_difference(expected, compute(samples)) for name, compute in engines.items()
    }
    taken = take_turns(engines, samples, repeats)
    return [
        Line(
            network,
            name,
            median(taken["keras"]),
            median(taken[name]),
            median(k / e for k, e in zip(taken["keras"], taken[name], strict=True)),
            differences[name],
        )
        for name in engines
        if name != "keras"
    ]


def take_turns(
    engines: dict[str, Engine], samples: np.ndarray, repeats: int
) -> dict[str, list[float]]:
    """Time the engines in turns, after one call each that does not count, in ms a sample."""
    taken: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(repeats + 1):
        for name, compute in engines.items():
            time.sleep(PAUSE_S)
            began = time.perf_counter()
            compute(samples)
            taken[name].append(1000 * (time.perf_counter() - began) / len(samples))
    return {name: times[1:] for name, times in taken.items()}


def table(lines: list[Line]) -> str:
    """Return the lines as a Markdown table."""
    rows = [
        f"| {line.network} | {line.engine} | {line.keras_ms:.1f} | {line.engine_ms:.1f} "
        f"| {line.ratio:.2f} | {line.difference:.0e} |"
        for line in lines
    ]
    head = [
        "| network | engine | Keras, ms a sample | engine, ms a sample | ratio | difference |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*head, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    lines: list[Line] = []
    for network, build in NETWORKS.items():
        lines += measure(network, build(), batch=chosen.batch, repeats=chosen.repeats)
        print(f"measured: {network}", file=sys.stderr)
        keras.backend.clear_session()
    print(table(lines))


if __name__ == "__main__":
    main()
