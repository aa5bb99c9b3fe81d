import hashlib
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from keras.src.backend import config
from keras.src.utils import file_utils

from avsc_kedro.errors import InputError
from avsc_kedro.models import pretrained
from avsc_kedro.models.pretrained import (
    STOCK_WEIGHTS,
    StockWeights,
    explain_unfetched,
    keras_cache,
    require_trusted,
    why_not_cached,
)

CONTENT = b"weights of a network"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def stock(monkeypatch):
    """A stock file of a few bytes, of either kind of checksum."""
    for name, algorithm in (("inception_v3", "md5"), ("convnext_tiny", "sha256")):
        checksum = hashlib.new(algorithm, CONTENT).hexdigest()
        entry = StockWeights(STOCK_WEIGHTS[name].file, algorithm, checksum)
        monkeypatch.setitem(STOCK_WEIGHTS, name, entry)
    return STOCK_WEIGHTS


@pytest.fixture
def write(tmp_path):
    def write(content, name="w.h5"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def refusal(path, architecture="convnext_tiny", sha256=None):
    with pytest.raises(InputError) as caught:
        require_trusted(path, architecture, sha256=sha256)
    return str(caught.value)


def test_inceptions_file_is_the_one_keras_fetches():
    source = inspect.getsource(importlib.import_module("keras.src.applications.inception_v3"))
    file, algorithm, checksum = STOCK_WEIGHTS["inception_v3"]
    call = source[source.rindex(f'"{file}"') :].partition(")")[0]
    assert algorithm == "md5"
    assert f'file_hash="{checksum}"' in call


def test_convnexts_file_is_the_one_keras_fetches():
    module = importlib.import_module("keras.src.applications.convnext")
    file, algorithm, checksum = STOCK_WEIGHTS["convnext_tiny"]
    assert algorithm == "sha256"
    assert module.WEIGHTS_HASHES["convnext_tiny"][1] == checksum
    assert file == "convnext_tiny" + "_notop.h5"
    assert '"_notop.h5"' in inspect.getsource(module.ConvNeXt)


@pytest.mark.parametrize("architecture", STOCK_WEIGHTS)
def test_the_stock_file_needs_no_digest(stock, write, architecture):
    require_trusted(write(CONTENT), architecture, sha256=None)


def damage(content):
    yield content[:-1]
    yield b""
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_damage_is_refused_with_both_digests(stock, write, sha256):
    for content in damage(CONTENT):
        path = write(content)
        received = hashlib.sha256(content).hexdigest()
        message = refusal(path, sha256=sha256)
        for part in (str(path), f"Expected sha256 {SHA256}", f"Received sha256 {received}"):
            assert part in message


def test_the_next_step_makes_a_file_trusted(stock, write):
    path = write(b"another")
    digest = hashlib.sha256(b"another").hexdigest()
    message = refusal(path, "inception_v3")
    assert f"Expected md5 {stock['inception_v3'].checksum}, that of the stock file" in message
    assert f"set backbones.vis_inc.weights_sha256 to {digest}." in message
    require_trusted(path, "inception_v3", sha256=digest)
    require_trusted(path, "inception_v3", sha256=digest.upper())


def test_a_digest_given_is_the_only_one_that_counts(stock, write):
    message = refusal(write(CONTENT), sha256="0" * 64)
    assert "0, as backbones.vis_conv.weights_sha256 says. Received sha256" in message


def test_a_trained_network_needs_its_digest(write):
    path = write(CONTENT, "model.keras")
    message = refusal(path)
    assert message == (
        "Expected in backbones.vis_conv.weights_sha256 the digest of the trained network. "
        f"Received sha256 {SHA256} from {path}. If you trust this file, set "
        f"backbones.vis_conv.weights_sha256 to {SHA256}."
    )
    require_trusted(path, "convnext_tiny", sha256=SHA256)


def test_the_cache(stock, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    name = stock["inception_v3"].file
    assert why_not_cached("inception_v3") == f"{name} is not there"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / name).write_bytes(b"cut off")
    found = f"{name} has md5 {hashlib.md5(b'cut off').hexdigest()}"
    assert why_not_cached("inception_v3") == found
    (tmp_path / "models" / name).write_bytes(CONTENT)
    assert why_not_cached("inception_v3") == ""


def test_the_message_has_file_checksum_folder_and_next_step(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    lacking = {name: why_not_cached(name) for name in STOCK_WEIGHTS}
    message = explain_unfetched(lacking, "nobody answers")
    for file, algorithm, checksum in STOCK_WEIGHTS.values():
        assert f"{file} ({algorithm} {checksum})" in message
        assert f"{file} is not there" in message
    for part in (f"in {tmp_path}/models.", "nobody answers", "put it there", "vis_inc.weights"):
        assert part in message


@pytest.mark.parametrize("home", [".keras", "of/its/own"])
def test_the_folder_is_the_one_keras_looks_in(tmp_path, monkeypatch, home):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    if home != ".keras":
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / home))
    assert keras_cache() == tmp_path / home / "models"

    (tmp_path / home).mkdir(parents=True)  # as Keras does when it is imported
    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path / home))
    monkeypatch.setattr(file_utils, "urlretrieve", lambda origin, target, bar: Path(target).touch())
    fetched = file_utils.get_file("w.h5", origin="nowhere/w.h5", cache_subdir="models")
    assert Path(fetched).parent == keras_cache()


def test_a_folder_that_keras_cannot_write_to(monkeypatch):
    monkeypatch.setattr(pretrained.os, "access", lambda path, mode: False)
    assert keras_cache() == Path("/tmp/.keras/models")


def test_a_check_loads_no_keras():
    script = "import sys, avsc_kedro.models.pretrained; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "avsc_kedro.models.pretrained" in loaded.stdout.split()
    assert not {"tensorflow", "keras", "h5py"} & set(loaded.stdout.split())
