"""The same training steps on Keras' JAX backend as on TensorFlow, from the same weights.

An audio network has every kind of layer of our own; the visual ones take minutes to compile.
JAX compiles its steps; TensorFlow runs those of the audio network untraced, which is quicker.
"""

import pytest

from tests.conftest import run_script
from tests.models import backend_steps

# Compiling is most of the time of three steps.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
MEASURE = """
import json
from tests.models import backend_steps
print(json.dumps(backend_steps.measure()))
"""


def test_jax_trains_as_tensorflow_does():
    ours = backend_steps.measure()
    other = run_script(MEASURE, KERAS_BACKEND="jax", JAX_PLATFORMS="cpu", XLA_FLAGS=QUICK)
    assert (ours["backend"], other["backend"]) == ("tensorflow", "jax")
    assert other["tensorflow"] is False
    assert len(ours["audio"]["losses"]) == 3
    for name, values in ours["audio"].items():
        assert other["audio"][name] == pytest.approx(values, rel=2e-3, abs=2e-4), name
    ours, other = ours["training"], other["training"]
    assert other["stages"] == ours["stages"]
    assert {*ours["stages"]} == {"train", "refit"}
    for name in ("losses", "validation"):
        assert other[name] == pytest.approx(ours[name], rel=1e-3), name
