"""`kedro run` with this project's runner, and one line instead of a traceback for wrong input."""

from __future__ import annotations

import functools
from collections.abc import Callable

import click
from kedro.framework.cli import project
from kedro.io import DatasetError

from avsc_kedro.errors import InputError

DEFAULT_RUNNER = "avsc_kedro.runners.NodeProcessRunner"


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
            if (cause := find_input_error(error)) is None:
                raise
            raise click.ClickException(str(cause)) from None

    return wrapper


def find_input_error(error: BaseException | None) -> InputError | None:
    """Return the `InputError` that an error is or came from, if any."""
    while error is not None:
        if isinstance(error, InputError):
            return error
        error = error.__cause__ or (error.__context__ if isinstance(error, DatasetError) else None)
    return None


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
    return click.Command(
        "run", callback=explain_input_errors(theirs.callback), params=options, help=theirs.help
    )


run = _make_run_command()
cli.add_command(run)
