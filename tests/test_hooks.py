"""Pretrained weights are there and those expected, or can be fetched, before a run begins."""

import hashlib
from urllib.error import HTTPError, URLError

import pytest
from kedro.io import DataCatalog, MemoryDataset

from avsc_kedro import hooks
from avsc_kedro.errors import InputError
from avsc_kedro.hooks import ReadinessHooks, check_weights
from avsc_kedro.models.pretrained import STOCK_WEIGHTS, StockWeights
from avsc_kedro.pipelines.backbones import create_pipeline

INCEPTION, CONVNEXT = STOCK_WEIGHTS["inception_v3"], STOCK_WEIGHTS["convnext_tiny"]


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


@pytest.fixture
def inception_is_cached(cache, monkeypatch):
    """A few bytes in Keras' folder that count as the stock file."""
    (cache / INCEPTION.file).write_bytes(b"weights")
    stock = StockWeights(INCEPTION.file, "md5", hashlib.md5(b"weights").hexdigest())
    monkeypatch.setitem(STOCK_WEIGHTS, "inception_v3", stock)


def check(*, vis_inc="none", vis_conv="none", sha256=None, pipeline=None):
    entries = {}
    for name, weights in (("vis_inc", vis_inc), ("vis_conv", vis_conv)):
        entries[f"params:backbones.{name}.weights"] = MemoryDataset(str(weights))
        entries[f"params:backbones.{name}.weights_sha256"] = MemoryDataset(sha256)
    check_weights(pipeline or create_pipeline(), DataCatalog(entries))


def test_the_message_says_what_goes_where(cache, asked):
    with pytest.raises(InputError) as caught:
        check(vis_inc="imagenet", vis_conv="imagenet")
    message = str(caught.value)
    stock = (*INCEPTION, *CONVNEXT)
    for part in (*stock, str(cache), "no route", "backbones.vis_conv.weights", "none"):
        assert part in message
    assert asked == [("https://storage.googleapis.com", "HEAD", 5)]


def test_only_what_is_missing_is_named(inception_is_cached, asked):
    with pytest.raises(InputError) as caught:
        check(vis_inc="imagenet", vis_conv="imagenet")
    assert INCEPTION.file not in str(caught.value)
    assert f"{CONVNEXT.file} is not there" in str(caught.value)


def test_what_is_in_the_cache_is_not_asked_for(inception_is_cached, asked):
    check(vis_inc="imagenet")
    assert asked == []


def test_what_is_damaged_in_the_cache_is_as_good_as_missing(cache, asked):
    (cache / INCEPTION.file).write_bytes(b"cut off")
    with pytest.raises(InputError) as caught:
        check(vis_inc="imagenet")
    received = f"{INCEPTION.file} has md5 {hashlib.md5(b'cut off').hexdigest()}"
    for part in (str(INCEPTION), received, str(cache), "no route"):
        assert part in str(caught.value)


def test_a_file_is_checked_before_any_work(tmp_path, asked):
    path = tmp_path / "mine.h5"
    path.write_bytes(b"mine")
    digest = hashlib.sha256(b"mine").hexdigest()
    with pytest.raises(InputError, match=f"Expected sha256 {CONVNEXT.checksum}.*{digest}"):
        check(vis_conv=path)
    check(vis_conv=path, sha256=digest)
    assert asked == []


def test_a_file_at_home_is_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model.keras").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"set backbones.vis_inc.weights_sha256 to"):
        check(vis_inc="~/model.keras")


def test_nothing_is_asked_without_imagenet_or_without_its_training(cache, asked):
    check(vis_inc="none", vis_conv="none")
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


def test_readiness_includes_the_weights(cache, asked):
    catalog = DataCatalog(
        {
            "params:backbones.vis_inc.weights": MemoryDataset("imagenet"),
            "params:backbones.vis_inc.weights_sha256": MemoryDataset(None),
            "usable_clips": MemoryDataset(1),
            "labels": MemoryDataset(1),
            "rgb_features": MemoryDataset(1),
            "vis_inc.checkpoints": MemoryDataset(1),
            "vis_inc.event_logs": MemoryDataset(1),
        }
    )
    pipeline = create_pipeline().filter(node_names=["vis_inc.train"])
    with pytest.raises(InputError, match="Expected the ImageNet weights"):
        ReadinessHooks().before_pipeline_run(run_params={}, pipeline=pipeline, catalog=catalog)


def test_devices_that_are_not_there_end_a_run_before_any_work(empty_project, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    done = empty_project.run("--pipeline=phase1", "--params", "compute.devices=2", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Expected 2 devices, as compute.devices says." in " ".join(done.stderr.split())
    assert not empty_project.data_root.exists()


def test_a_run_without_weights_and_network_ends_before_any_work(
    empty_project, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    done = empty_project.run(
        "--pipeline=phase1", "--params", "backbones.vis_inc.weights=imagenet", check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    expected = f"Expected the ImageNet weights {INCEPTION} in {tmp_path}/keras/models"
    assert expected in " ".join(done.stderr.split())
    assert not empty_project.data_root.exists()
