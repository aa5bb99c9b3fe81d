import json
import os
import time
import zipfile

import keras
import numpy as np
import pytest

from avsc_kedro.models import files
from avsc_kedro.models.files import digest_weights, load_model, save_model
from tests.conftest import run_script

SPECTROGRAMS = np.random.default_rng(0).normal(-60, 20, (2, 16, 17, 2)).astype(np.float32)


def test_a_loaded_network_gives_the_same_outputs(audio_backbone, tmp_path):
    network = audio_backbone(residual_normalisation=True)
    path = tmp_path / "models" / "aud_mel.keras"
    save_model(network, path)
    loaded = load_model(path)
    np.testing.assert_array_equal(loaded(SPECTROGRAMS), network(SPECTROGRAMS))
    assert loaded.name == "aud_mel"
    assert digest_weights(loaded) == digest_weights(network)
    assert list(path.parent.iterdir()) == [path]


SAVE = """
import sys
from pathlib import Path
from tests.models.test_files import save_tiny
save_tiny(Path(sys.argv[1]))
print("{}")
"""


def save_tiny(path):
    """Save a network that holds another one, a layer with state and one with a seed."""
    keras.backend.clear_session()  # layers without a name are counted
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, kernel_initializer="ones")])
    normal = keras.layers.Normalization(mean=np.zeros(4), variance=np.ones(4))
    rest = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.1, seed=1)]
    save_model(keras.Sequential([keras.Input((4,)), normal, inner, *rest], name="tiny"), path)


def test_the_same_network_gives_the_same_bytes_whenever_it_is_saved(
    audio_backbone, visual_backbones, tmp_path
):
    networks = (audio_backbone(), visual_backbones["vis_inc"])
    contents = []
    for start in (0, 2.1):  # a zip tells every other second
        time.sleep(start)
        for network in networks:
            save_model(network, tmp_path / "m.keras")
            contents.append((tmp_path / "m.keras").read_bytes())
    assert contents[:2] == contents[2:]


def test_the_same_network_made_in_two_processes_gives_the_same_bytes(tmp_path):
    here, there = tmp_path / "here.keras", tmp_path / "there.keras"
    save_tiny(here)
    # A seed that is not this process's, whichever that has.
    run_script(SAVE, there, PYTHONHASHSEED=str(1 + (os.environ.get("PYTHONHASHSEED") == "1")))
    assert here.read_bytes() == there.read_bytes()


def test_what_keras_says_of_a_file_is_kept(audio_backbone, tmp_path):
    save_model(audio_backbone(), tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        metadata = json.loads(archive.read("metadata.json"))
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
    assert metadata == {"keras_version": keras.__version__, "date_saved": files.NO_DATE}


def test_saving_is_whole_or_nothing(audio_backbone, tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    network = audio_backbone()
    save_model(network, path)
    before = path.read_bytes()

    def write_half(file):
        file.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(network, "save", write_half, raising=False)
    with pytest.raises(OSError, match="No space left"):
        save_model(network, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_digest_follows_every_weight():
    layers = [keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    network = keras.Sequential([keras.Input((4,)), *layers])
    weights = network.get_weights()
    digests = {digest_weights(network)}
    for index, array in enumerate(weights):
        changed = [w.copy() for w in weights]
        changed[index].flat[-1] = np.nextafter(array.flat[-1], np.float32(np.inf))
        network.set_weights(changed)
        digests.add(digest_weights(network))
    assert len(digests) == 8 + 1
    network.set_weights(weights)
    assert digest_weights(network) in digests
    assert all(len(digest) == 32 for digest in digests)


def normalised(mean, *, name="input_constants", dropout_seed=0):
    layers = [
        keras.layers.Normalization(mean=mean, variance=np.array([1.0, 4.0]), name=name),
        keras.layers.Dropout(0.5, seed=dropout_seed),
        keras.layers.Dense(2, kernel_initializer="ones"),
    ]
    return keras.Sequential([keras.Input((2,)), *layers])


def test_the_digest_follows_constants_that_are_no_weights(tmp_path):
    network, other = normalised(np.array([-60.0, 0.1])), normalised(np.array([-60.0, 0.2]))
    for ours, theirs in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert digest_weights(network) != digest_weights(other)
    save_model(network, tmp_path / "m.keras")
    assert digest_weights(load_model(tmp_path / "m.keras")) == digest_weights(network)


def test_the_digest_follows_constants_of_a_network_inside():
    inner = [keras.layers.Rescaling(1 / 255), keras.layers.Rescaling(1 / 127.5, offset=-1.0)]
    digests = [
        digest_weights(keras.Sequential([keras.Input((2,)), keras.Sequential([layer])]))
        for layer in inner
    ]
    assert digests[0] != digests[1]


def test_names_and_dropout_leave_the_digest_alone():
    mean = np.array([-60.0, 0.1])
    network, twin = normalised(mean), normalised(mean, name="other", dropout_seed=7)
    before = digest_weights(network)
    network(np.ones((4, 2), np.float32), training=True)  # moves the state of the dropout's seed
    assert digest_weights(network) == before == digest_weights(twin)


def test_every_backbone_keeps_its_digest_over_a_file(audio_backbone, visual_backbones, tmp_path):
    networks = [audio_backbone(), audio_backbone(residual_normalisation=True)]
    for network in (*networks, *visual_backbones.values()):
        save_model(network, tmp_path / "m.keras")
        assert digest_weights(load_model(tmp_path / "m.keras")) == digest_weights(network)
