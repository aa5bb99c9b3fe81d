"""Every dataset a pipeline names is in the catalog, in every environment."""

import subprocess
import sys
from pathlib import Path

import pytest
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ("base", "paper", "test", "laptop")


@pytest.fixture(scope="module", autouse=True)
def project():
    bootstrap_project(ROOT)
    configure_project("avsc_kedro")


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_dataset_resolves_and_is_kept(env):
    with KedroSession.create(ROOT, env=env) as session:
        catalog = session.load_context().catalog
        for pipeline in pipelines.values():
            for name in pipeline.datasets():
                assert name in catalog, f"{name} is not in the catalog of {env}"
                if not name.startswith("params:"):
                    assert type(catalog.get(name)).__name__ != "MemoryDataset", name


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_dataset_has_a_layer(env):
    with KedroSession.create(ROOT, env=env) as session:
        catalog = session.load_context().catalog
        names = {n for n in pipelines["__default__"].datasets() if not n.startswith("params:")}
        for name in names:
            assert catalog.get(name).metadata["kedro-viz"]["layer"][0].isdigit(), name


def test_the_default_is_phase1_and_phase2():
    both = pipelines["phase1"] + pipelines["phase2"]
    assert set(pipelines["__default__"].nodes) == set(both.nodes)


def test_one_branch_is_one_namespace():
    branch = pipelines["phase1"].filter(node_namespaces=["aud_mel"])
    assert {node.name for node in branch.nodes} == {
        "aud_mel.train",
        "aud_mel.embed",
        "aud_mel.predict",
    }


def test_listing_pipelines_imports_neither_tensorflow_nor_keras():
    code = (
        "import sys; from kedro.framework.startup import bootstrap_project;"
        f"bootstrap_project({str(ROOT)!r});"
        "from kedro.framework.project import pipelines; assert len(dict(pipelines)) == 7;"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_file_of_kedro_datasets_is_published_whole():
    with KedroSession.create(ROOT, env="base") as session:
        catalog = session.load_context().catalog
        for pipeline in pipelines.values():
            for name in pipeline.datasets():
                kind = type(catalog.get(name))
                inherited = {base.__module__.split(".")[0] for base in kind.__mro__}
                if "kedro_datasets" in inherited:
                    assert kind.__module__ == "avsc_kedro.datasets.published", name


def test_runtime_parameters_reach_the_catalog():
    with KedroSession.create(
        ROOT, runtime_params={"fusion": "f6", "data_root": "elsewhere"}
    ) as session:
        catalog = session.load_context().catalog
        for name in ("model.keras", "history.csv", "summary.json"):
            path = catalog.get(f"fusion.{name.partition('.')[0]}")._filepath
            assert f"elsewhere/06_models/embedded/f6/{name}" in str(path)
