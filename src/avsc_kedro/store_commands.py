"""`kedro stores`: list, verify, repair, retry and prune the feature stores."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
from kedro.framework.cli.utils import _split_params, env_option
from kedro.framework.project import settings
from rich.console import Console
from rich.table import Table

from avsc_kedro.features import make_recipe
from avsc_kedro.options import ProjectOptions
from avsc_kedro.paper import FEATURE_KINDS
from avsc_kedro.stores import (
    FeatureStore,
    StoreBusyError,
    StoreError,
    StoreInfo,
    delete_store,
    list_stores,
    store_at,
)
from avsc_kedro.stores.health import QUARANTINE
from avsc_kedro.stores.recipe import Recipe

FEATURES = "04_feature"
COLUMNS = ("data set", "kind", "recipe", "clips", "failed", "size", "sealed", "health", "used")
LINE = 200  # wider than any terminal needs: a recipe must be read in full
params_option = click.option(
    "--params", type=click.UNPROCESSED, default="", callback=_split_params, help="As for kedro run."
)


class Shelf(NamedTuple):
    """The stores of a data root, and the recipes that the present options ask for."""

    stores: list[StoreInfo]
    wanted: dict[str, Recipe]

    def store(self, info: StoreInfo) -> FeatureStore:
        """Return a store; one of the present options also if its own recipe is damaged."""
        recipe = self.wanted.get(info.recipe_id)
        return FeatureStore(info.folder.parent, recipe) if recipe else store_at(info.folder)


def shelf_commands(explained: Callable) -> click.Group:
    """Return the group of commands.

    Args:
        explained: Turns an error the user can act on into one message.
    """

    @click.group()
    def stores() -> None:
        """List, verify, repair, retry and prune the feature stores."""

    for name, function in (
        ("list", list_command),
        ("verify", verify_command),
        ("repair", repair_command),
        ("retry", retry_command),
        ("prune", prune_command),
    ):
        command = click.command(name, help=function.__doc__)
        stores.add_command(command(env_option(params_option(_options(name)(explained(function))))))
    return stores


def list_command(env: str | None, params: dict[str, Any]) -> None:
    """Show every store: recipe, clips, size, age and health."""
    shelf = _open(env, params)
    table = Table(box=None, pad_edge=False)
    for title in COLUMNS:
        justify = "right" if title in ("clips", "failed", "size") else "left"
        table.add_column(title, justify=justify, no_wrap=True)
    for info in shelf.stores:
        table.add_row(
            info.data_set,
            info.kind,
            info.recipe_id,
            f"{info.clips:,}",
            f"{info.failures:,}",
            _size(info.bytes),
            _age(info.sealed_at),
            info.health,
            "yes" if info.recipe_id in shelf.wanted else "no",
        )
    Console(width=LINE).print(table)
    click.echo(f"\n{len(shelf.stores)} stores. Used: by these options, see kedro stores prune.")


def verify_command(env: str | None, params: dict[str, Any]) -> None:
    """Read every store bit for bit; exit with status 1 if anything is damaged."""
    damaged = 0
    shelf = _open(env, params)
    for info in shelf.stores:
        problems = _problems(shelf, info)
        damaged += bool(problems)
        click.echo(f"{_name(info)}: {'damaged' if problems else f'{info.clips:,} clips, intact'}")
        for problem in problems:
            click.echo(f"  {problem}")
    if damaged:
        raise StoreError(f"{damaged} stores are damaged. Run: kedro stores repair")


def repair_command(env: str | None, params: dict[str, Any]) -> None:
    """Move damaged files to a folder `quarantine`; the next run makes just these anew."""
    repaired, refused = 0, []
    shelf = _open(env, params)
    for info in shelf.stores:
        try:
            damages = shelf.store(info).repair()
        except StoreError as error:
            refused.append(str(info.folder))
            click.echo(f"{_name(info)}: not repaired. {error}")
            continue
        repaired += len(damages)
        click.echo(f"{_name(info)}: {len(damages)} damaged files set aside")
        for damage in damages:
            click.echo(f"  {damage.path.name}: {damage.reason}")
    if repaired:
        click.echo("Now run: kedro run --pipeline=features with the same --env and --params")
    if refused:
        raise StoreError(
            f"Expected to repair every store. Not repaired: {', '.join(refused)}. For each run "
            "kedro run --pipeline=features with the options of that store, or delete the folder."
        )


def retry_command(env: str | None, params: dict[str, Any]) -> None:
    """Forget which clips failed, so that the next run tries them again; only those."""
    shelf, failed = _open(env, params), 0
    for info in shelf.stores:
        if info.failures and info.recipe_id in shelf.wanted:
            again = shelf.store(info).forget_failures()
            click.echo(f"{_name(info)}: failed clips that will be tried again: {again}")
            failed += again
    if failed:
        click.echo("Now run: kedro run --pipeline=features with the same --env and --params")
    else:
        click.echo("No clip of a store of the present options has failed.")


def prune_command(env: str | None, params: dict[str, Any], yes: bool) -> None:
    """Delete stores of other options than these, shards no longer needed, and quarantines.

    Nothing is deleted without --yes.
    """
    shelf = _open(env, params)
    unused = [info for info in shelf.stores if info.recipe_id not in shelf.wanted]
    for info in unused:
        click.echo(f"{_name(info)}: {info.clips:,} clips, {_size(info.bytes)}, of other options")
        if yes:
            _delete(info)
    for info in (info for info in shelf.stores if info.recipe_id in shelf.wanted):
        if yes:
            gone = shelf.store(info).collect()
            shutil.rmtree(info.folder / QUARANTINE, ignore_errors=True)
            click.echo(f"{_name(info)}: kept, {len(gone)} shards that no clip needs deleted")
    freed = _size(sum(info.bytes for info in unused))
    if unused and not yes:
        click.echo(f"\nkedro stores prune --yes deletes these {len(unused)} stores, {freed}.")
    elif not unused:
        click.echo("Every store is of the present options.")


def _options(name: str) -> Callable:
    if name != "prune":
        return lambda function: function
    return click.option("--yes", is_flag=True, help="Delete; without it only say what would be.")


def _open(env: str | None, params: dict[str, Any]) -> Shelf:
    with settings.SESSION_CLASS.create(env=env, runtime_params=params) as session:
        parameters = session.load_context().config_loader["parameters"]
    options = ProjectOptions(**parameters)
    recipes = [make_recipe(kind, options.features) for kind in FEATURE_KINDS]
    wanted = {recipe.id: recipe for recipe in recipes}
    return Shelf(list_stores(Path(options.data_root) / FEATURES), wanted)


def _delete(info: StoreInfo) -> None:
    try:
        delete_store(info.folder)
    except StoreBusyError as error:
        click.echo(f"{_name(info)}: not deleted. {error}")


def _problems(shelf: Shelf, info: StoreInfo) -> list[str]:
    try:
        return [f"{d.path}: {d.reason}" for d in shelf.store(info).verify()]
    except StoreError as error:
        return [str(error)]


def _name(info: StoreInfo) -> str:
    return f"{info.data_set}/{info.kind}/{info.recipe_id}"


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _age(sealed_at: float | None) -> str:
    if sealed_at is None:
        return "never"
    minutes = max(0, time.time() - sealed_at) / 60
    for unit, length in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * length:
            return f"{minutes / length:.0f} {unit} ago"
    return f"{minutes:.0f} minutes ago"
