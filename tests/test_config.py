"""The configuration: what is expanded, and what a slip in a file leads to."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from kedro.config import MissingConfigException
from kedro.io import DataCatalog
from omegaconf.resolvers import oc

from avsc_kedro.config import ProjectConfigLoader
from avsc_kedro.errors import InputError
from avsc_kedro.options import ProjectOptions

CONF = Path(__file__).resolve().parents[1] / "conf"


@pytest.fixture
def conf(tmp_path):
    shutil.copytree(CONF, tmp_path / "conf")
    (tmp_path / "conf" / "local").mkdir(exist_ok=True)
    return tmp_path / "conf"


def load(conf, *, env="local", **runtime_params):
    return ProjectConfigLoader(
        str(conf),
        env=env,
        base_env="base",
        default_run_env="local",
        runtime_params=runtime_params,
        merge_strategy={"parameters": "soft"},
        custom_resolvers={"oc.env": oc.env},
    )


@pytest.mark.parametrize("env", ["local", "laptop", "test", "paper"])
def test_every_environment_is_accepted(conf, env):
    assert ProjectOptions(**load(conf, env=env)["parameters"])


def test_what_the_paper_fixes_or_leaves_out():
    backbones = load(CONF, env="paper")["parameters"]["backbones"]
    assert all(
        backbones[name]["residual_normalisation"] is False for name in ("aud_mel", "aud_cqt")
    )
    assert {group["batch_norm_momentum"] for group in backbones.values()} == {0.9}


@pytest.mark.parametrize("env", ["base", "laptop"])
def test_residual_normalisation_is_on_in_the_small_sizes(env):
    assert load(CONF, env=env)["parameters"]["backbones"]["aud_mel"]["residual_normalisation"]


def test_home_is_expanded_in_the_data_root(conf, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AVSC_DATA_ROOT", "~/kept")
    loader = load(conf)
    assert loader["parameters"]["data_root"] == f"{tmp_path}/kept"
    assert loader["catalog"]["labels"]["filepath"].startswith(f"{tmp_path}/kept/02_intermediate")
    assert load(conf, data_root="~/x")["parameters"]["data_root"] == f"{tmp_path}/x"
    assert load(conf, data_root="s3://bucket/x")["parameters"]["data_root"] == "s3://bucket/x"


@pytest.mark.parametrize(
    "text",
    [
        "clips: {path: /my/videos",
        "clips:\n  path: 'x\n",
        "clips: [}",
        "clips: *nowhere",
        "seed: 1\nseed: 2",
        "seed: \x07",
    ],
)
def test_broken_yaml_names_its_file(conf, text):
    (conf / "local" / "parameters.yml").write_text(text)
    with pytest.raises(InputError, match=r"^Expected YAML in .*/conf/local/parameters\.yml\. "):
        load(conf)["parameters"]


def test_a_variable_that_is_not_set_is_named(conf):
    (conf / "local" / "parameters.yml").write_text("video: ${oc.env:AVSC_NO_SUCH_VARIABLE}")
    with pytest.raises(InputError, match="AVSC_NO_SUCH_VARIABLE"):
        load(conf)["parameters"]


def test_a_key_in_two_files_names_both(conf):
    for name in ("parameters.yml", "parameters_more.yml"):
        (conf / "local" / name).write_text("seed: 1")
    with pytest.raises(InputError, match=r"parameters(_more)?\.yml .*parameters(_more)?\.yml"):
        load(conf)["parameters"]


def test_what_is_not_there_stays_kedros_own_error(conf):
    with pytest.raises(KeyError):
        load(conf)["no_such_key"]
    with pytest.raises(MissingConfigException):
        load(conf)["credentials"]


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("clip_counts", {"scene": "1", "train": 2}),
        ("clip_counts", {"scene": "None", "train": 2}),
        ("failed_clips", {"clip_id": "007", "features": "mel", "path": "NA", "remedy": "null"}),
    ],
)
def test_names_survive_a_table(tmp_path, name, row):
    entry = load(CONF, data_root=str(tmp_path))["catalog"][name]
    catalog = DataCatalog.from_config({name: entry})
    catalog.save(name, pd.DataFrame([row]))
    assert catalog.load(name).to_dict("records") == [row]


def test_a_relative_data_root_counts_from_the_project(conf, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    loader = load(conf, data_root="kept/here")
    assert loader["parameters"]["data_root"] == str(Path(loader.conf_source).parent / "kept/here")
