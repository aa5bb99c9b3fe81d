"""`kedro run` with this project's runner, and one message instead of a traceback."""

from __future__ import annotations

import errno
import functools
import json
import os
import re
from collections.abc import Callable

import click
from kedro.framework.cli import project
from kedro.io import DatasetError

from avsc_kedro.errors import InputError
from avsc_kedro.runners import NodeProcessDied, error_chain
from avsc_kedro.store_commands import shelf_commands

DEFAULT_RUNNER = "avsc_kedro.runners.NodeProcessRunner"

SAY_THEMSELVES = (InputError, NodeProcessDied, FloatingPointError)
DISK_ERRORS = {
    errno.ENOSPC: ("free space for", "Free some, or name a folder on another disk"),
    errno.EDQUOT: ("room in the quota for", "Free some, or name a folder on another disk"),
    errno.EACCES: ("permission to use", "Change its permissions, or name a folder of your own"),
    errno.EPERM: ("permission to use", "Change its permissions, or name a folder of your own"),
    errno.EROFS: ("a disk that can be written for", "Name a folder on another disk"),
    errno.ENOTDIR: ("only folders above", "Name another folder"),
}

FORCE = click.Option(
    ["--force"],
    metavar="STEPS",
    help="Run these steps although they are up to date: names of steps (aud_mel.train) or "
    "namespaces (aud_mel), separated by commas, or all.",
)


@click.group(name="avsc_kedro")
def cli() -> None:
    """Commands of this project."""


def explain_input_errors(function: Callable) -> Callable:
    """Turn an error the user can act on into one message and exit status 1."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if (message := explain(error)) is None:
                raise
            raise click.ClickException(message) from None

    return wrapper


def explain(error: BaseException) -> str | None:
    """Return what to tell the user of an error; None if it needs its traceback."""
    chain = error_chain(error)
    dataset = next((str(link) for link in chain if isinstance(link, DatasetError)), "")
    for link in chain:
        if isinstance(link, SAY_THEMSELVES):
            return str(link)
        if isinstance(link, OSError) and link.errno in DISK_ERRORS:
            return _explain_disk(link, dataset)
        if (path := _path_in(dataset)) and isinstance(link, _damaged_text()):
            from avsc_kedro.datasets.damage import explain_damage

            return explain_damage(path, link)
    return None


def _explain_disk(error: OSError, dataset: str) -> str:
    wanted, remedy = DISK_ERRORS[error.errno]
    path = error.filename or _path_in(dataset) or "what this run writes"
    return (
        f"Expected {wanted} {path}. Received: {os.strerror(error.errno)}. "
        f"{remedy} with AVSC_DATA_ROOT, then run the same command again."
    )


def _damaged_text() -> tuple[type[Exception], ...]:
    # Only after an error: pandas would slow down each command.
    from pandas.errors import EmptyDataError, ParserError

    return (EmptyDataError, ParserError, json.JSONDecodeError, UnicodeDecodeError)


def _path_in(dataset: str) -> str:
    """Return the path in Kedro's message about a dataset, empty if there is none."""
    found = re.search(r"filepath=(?:\w+\('(.+?)'\)|(.+?))(?:, \w+=|\)\.|\))", dataset)
    return (found[1] or found[2]).strip("'") if found else ""


def _make_run_command() -> click.Command:
    """Kedro's own `run`, with all its options."""
    theirs = project.run
    options = [
        click.Option(
            ["--runner", "-r"], default=DEFAULT_RUNNER, show_default=True, help=option.help
        )
        if option.name == "runner"
        else option
        for option in theirs.params
    ]
    callback = explain_input_errors(_with_force(theirs.callback))
    return click.Command("run", callback=callback, params=[*options, FORCE], help=theirs.help)


def _with_force(function: Callable) -> Callable:
    """Hand `--force` on as a parameter, where a notebook's session can set it too."""

    @functools.wraps(function)
    def wrapper(*args, force: str | None = None, params: dict, **kwargs):
        return function(*args, params=params | ({"force": force} if force else {}), **kwargs)

    return wrapper


run = _make_run_command()
cli.add_command(run)
cli.add_command(shelf_commands(explain_input_errors))
