"""ImageNet weights are there, or can be fetched, before a run begins."""

import time
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from kedro.io import DataCatalog, MemoryDataset

from avsc_kedro import hooks
from avsc_kedro.errors import InputError
from avsc_kedro.hooks import ReadinessHooks, check_stock_weights
from avsc_kedro.options import STOCK_WEIGHT_FILES
from avsc_kedro.pipelines.backbones import create_pipeline

INCEPTION, CONVNEXT = STOCK_WEIGHT_FILES["inception_v3"], STOCK_WEIGHT_FILES["convnext_tiny"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras' folder of weights, empty."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def asked(monkeypatch):
    """Let no request out; return those made."""
    requests = []

    def refuse(request, *, timeout):
        requests.append((request.full_url, request.get_method(), timeout))
        raise URLError("no route")

    monkeypatch.setattr(hooks, "urlopen", refuse)
    return requests


def check(*, vis_inc="none", vis_conv="none", pipeline=None):
    weights = {"vis_inc": vis_inc, "vis_conv": vis_conv}
    catalog = DataCatalog(
        {f"params:backbones.{name}.weights": MemoryDataset(w) for name, w in weights.items()}
    )
    check_stock_weights(pipeline or create_pipeline(), catalog)


def test_the_message_says_what_goes_where(cache, asked):
    with pytest.raises(InputError) as caught:
        check(vis_inc="imagenet", vis_conv="imagenet")
    message = str(caught.value)
    for part in (INCEPTION, CONVNEXT, str(cache), "no route", "backbones.vis_conv.weights", "none"):
        assert part in message
    assert asked == [("https://storage.googleapis.com", "HEAD", 5)]


def test_only_what_is_missing_is_named(cache, asked):
    (cache / INCEPTION).touch()
    with pytest.raises(InputError) as caught:
        check(vis_inc="imagenet", vis_conv="imagenet")
    assert INCEPTION not in str(caught.value)
    assert CONVNEXT in str(caught.value)


def test_what_is_in_the_cache_is_not_asked_for(cache, asked):
    (cache / INCEPTION).touch()
    check(vis_inc="imagenet")
    assert asked == []


def test_nothing_is_asked_without_imagenet_or_without_its_training(cache, asked):
    check(vis_inc="none", vis_conv="/weights/mine.h5")
    check(vis_inc="imagenet", pipeline=create_pipeline().filter(node_namespaces=["aud_mel"]))
    embedding = create_pipeline().filter(node_names=["vis_inc.embed"])
    check(vis_inc="imagenet", pipeline=embedding)
    assert asked == []


def test_any_answer_of_the_host_will_do(cache, monkeypatch):
    def answer(request, *, timeout):
        raise HTTPError(request.full_url, 400, "Bad Request", None, None)

    monkeypatch.setattr(hooks, "urlopen", answer)
    check(vis_inc="imagenet")


def test_a_silent_host_is_no_answer(cache, monkeypatch):
    def wait(request, *, timeout):
        raise TimeoutError

    monkeypatch.setattr(hooks, "urlopen", wait)
    with pytest.raises(InputError, match="TimeoutError"):
        check(vis_inc="imagenet")


def test_the_folder_is_the_one_keras_looks_in(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hooks._keras_cache() == tmp_path / ".keras" / "models"
    monkeypatch.setattr(hooks.os, "access", lambda path, mode: False)
    assert hooks._keras_cache() == Path("/tmp/.keras/models")


def test_readiness_includes_the_weights(cache, asked):
    catalog = DataCatalog(
        {
            "params:backbones.vis_inc.weights": MemoryDataset("imagenet"),
            "usable_clips": MemoryDataset(1),
            "labels": MemoryDataset(1),
            "rgb_features": MemoryDataset(1),
            "vis_inc.checkpoints": MemoryDataset(1),
        }
    )
    pipeline = create_pipeline().filter(node_names=["vis_inc.train"])
    with pytest.raises(InputError, match="Expected the ImageNet weights"):
        ReadinessHooks().before_pipeline_run(run_params={}, pipeline=pipeline, catalog=catalog)


def test_a_run_without_weights_and_network_ends_before_any_work(
    empty_project, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    started = time.monotonic()
    done = empty_project.run(
        "--pipeline=phase1", "--params", "backbones.vis_inc.weights=imagenet", check=False
    )
    assert time.monotonic() - started < 60
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert f"Expected the ImageNet weights {INCEPTION} in {tmp_path}/keras/models" in done.stderr
    assert not empty_project.data_root.exists()
