"""Digests of made-up packages, each imported under a name of its own."""

import functools
import importlib
import itertools
import os
import sys
import textwrap
import time

import pytest

from avsc_kedro.source_code import code_digest, code_digests, module, reach

NAMES = (f"made_up_package_{number}" for number in itertools.count())

STEPS = '''
"""Steps."""
from {package} import shapes
from {package}.sums import total as added
import numpy as np

SCALE = 2

def area(width, height):
    """Return an area."""
    return shapes.rectangle(width, height) * SCALE  # doubled

def count(values):
    from .sums import length
    return length(values) + added(values)

def alone():
    return np.zeros(1)
'''
SHAPES = """
from {package}.sums import product

def rectangle(width, height):
    return product([width, height])

def circle(radius):
    return 3 * radius * radius
"""
SUMS = """
from {package}.progress import show

def total(values):
    show(values)
    return sum(values)

def product(values):
    result = 1
    for value in values:
        result *= value
    return result

def length(values):
    return len(values)
"""
PROGRESS = "def show(values):\n    print(values)\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write and import a package with some of its text replaced; return its module `steps`."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "STARTED_S", time.time() + 60)  # after the packages are written

    def write(old="", new="", **files):
        name = next(NAMES)
        texts = {"steps": STEPS, "shapes": SHAPES, "sums": SUMS, "progress": PROGRESS} | files
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        for stem, text in texts.items():
            changed = text.replace(old, new) if old else text
            content = textwrap.dedent(changed.replace("{package}", name))
            (folder / f"{stem}.py").write_text(content)
        return importlib.import_module(f"{name}.steps")

    return write


def digests(function):
    """By module, without the package's name, which differs from package to package."""
    return {name.partition(".")[2]: digest for name, digest in code_digests(function).items()}


def changed(package, function, old, new):
    """Return the modules in which a replacement changes what `function` depends on."""
    before = digests(getattr(package(), function))
    after = digests(getattr(package(old, new), function))
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_only_what_is_reached_is_named(package):
    steps = package()
    assert set(digests(steps.area)) == {"steps", "shapes", "sums"}
    assert set(digests(steps.count)) == {"steps", "sums"}
    assert set(digests(steps.alone)) == {"steps"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# doubled", "# twice"),
        ('"""Return an area."""', '"""Return something else entirely."""'),
        ('"""Steps."""', ""),
        ("width, height", "width,  height"),
        ("return np.zeros(1)", "return np.zeros(2)"),
        ("return 3 * radius", "return 3.14 * radius"),
        ("return len(values)", "return len(values) + 1"),
    ],
)
def test_comments_layout_and_what_is_not_used_change_nothing(package, old, new):
    assert changed(package, "area", old, new) == set()


@pytest.mark.parametrize(
    ("function", "old", "new", "where"),
    [
        ("area", "SCALE = 2", "SCALE = 3", "steps"),
        ("area", "* SCALE", "+ SCALE", "steps"),
        ("area", "product([width, height])", "product([height, width])", "shapes"),
        ("area", "result = 1", "result = 2", "sums"),
        ("count", "return len(values)", "return len(values) + 1", "sums"),
        ("count", "return sum(values)", "return sum(values) + 1", "sums"),
    ],
)
def test_a_change_of_what_is_used_is_seen_where_it_is(package, function, old, new, where):
    assert changed(package, function, old, new) == {where}


def test_what_only_shows_progress_does_not_count(package):
    assert changed(package, "count", "print(values)", "print(list(values))") == set()


def test_what_importing_a_module_does_counts(package):
    quiet, busy = package(), package(sums=SUMS + "\nregister = print\nprint(3)\n")
    assert digests(quiet.count)["sums"] != digests(busy.count)["sums"]


def test_a_partial_counts_as_its_function(package):
    steps = package()
    assert code_digests(functools.partial(steps.area, width=1)) == code_digests(steps.area)
    assert code_digest(steps.area) != code_digest(steps.count)
    assert len(code_digest(steps.area)) == 32


def test_nothing_is_imported_to_be_read(package):
    steps = package()
    code_digests(steps.area)
    name = steps.__name__.partition(".")[0]
    late = package(
        steps="def run():\n    from {package}.heavy import work\n    return work()\n",
        heavy="raise RuntimeError('imported')\ndef work():\n    pass\n",
    )
    assert set(digests(late.run)) == {"steps", "heavy"}
    assert f"{late.__name__.partition('.')[0]}.heavy" not in sys.modules
    assert name in sys.modules


def test_a_file_that_was_edited_after_its_import_is_not_what_runs(package, caplog):
    steps = package()
    before = digests(steps.area)["steps"]
    os.utime(steps.__file__, (time.time() + 120,) * 2)
    for cached in (module.read_module, reach._text, reach._uses):
        cached.cache_clear()
    assert digests(steps.area)["steps"] != before
    assert "changed since this process started" in caplog.text


def test_a_function_outside_a_package_has_no_code_to_follow():
    script = {}
    exec("def loose():\n    return 1\n", {"__name__": "no_such_package"}, script)
    with pytest.raises(LookupError, match="no_such_package"):
        code_digests(script["loose"])


def test_every_step_of_the_project_is_followed_into_what_it_calls():
    from avsc_kedro.pipeline_registry import register_pipelines

    nodes = {node.name: node for node in register_pipelines()["__default__"].nodes}
    train, embed = (set(code_digests(nodes[f"aud_mel.{step}"].func)) for step in ("train", "embed"))
    assert {f"avsc_kedro.models.{name}" for name in ("training", "losses", "feeds")} <= train
    assert "avsc_kedro.models.embedding" in embed - train
    assert "avsc_kedro.models.training" not in embed
    assert "avsc_kedro.splits" in code_digests(nodes["split_clips"].func)
    # Code of the pictures' transform is not the networks' business: the recipe speaks for it.
    assert not any("vision" in name or "progress" in name for name in train)
