"""The index that seals a store: which clips it holds, and where."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avsc_kedro.stores.checked_json import read_checked, write_checked
from avsc_kedro.stores.shard import Failure, Place, Row, Shard
from avsc_kedro.stores.source import Source
from avsc_kedro.stores.store_error import REPAIR, StoreError

INDEX = "index.json"
FORMAT = 3
OUR_START = b'{"digest"'
FIRST_FORMAT_KEYS = {"rows", "failures"}  # version 0.1.0 wrote these in front, and no digest


class OtherFormatError(FileNotFoundError):
    """The index is of another format: to this version there is none."""


@dataclass
class Index:
    """What a store holds.

    Attributes:
        recipe_id: Recipe the features were made by.
        shards: Place of each shard that a row lies in.
        rows: Row of each clip, in the order of the clips table.
        failures: Clips that could not be turned into features.
        superseded: Shards no row needs any more, and since when (Unix time).
        incomplete: What a repair took away; empty for what an extraction sealed.
    """

    recipe_id: str
    shards: dict[str, Place] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    superseded: dict[str, int] = field(default_factory=dict)
    incomplete: str = ""

    def known(self, clip_id: str) -> Row | Failure | None:
        """Return what became of a clip."""
        return self.rows.get(clip_id) or self.failures.get(clip_id)

    @property
    def clip_ids(self) -> list[str]:
        """Every clip, decoded or failed."""
        return [*self.rows, *self.failures]

    def add(self, shard: Shard) -> None:
        """Take in what a task made; it replaces what was known of its clips."""
        for made in (*shard.rows, *shard.failures):
            self.rows.pop(made.clip_id, None)
            self.failures.pop(made.clip_id, None)
        self.rows |= {row.clip_id: row for row in shard.rows}
        self.failures |= {failure.clip_id: failure for failure in shard.failures}
        if shard.place is not None:
            self.shards[shard.name] = shard.place

    def set_source(self, clip_id: str, source: Source) -> None:
        """Note that a clip's recording has another path or time, but the same content."""
        group = self.rows if clip_id in self.rows else self.failures
        group[clip_id] = group[clip_id]._replace(source=source)

    def select(self, clip_ids: Iterable[str]) -> Index:
        """Return an index of these clips alone, in that order, with the shards they need."""
        wanted = list(clip_ids)
        rows = {clip: self.rows[clip] for clip in wanted if clip in self.rows}
        failures = {clip: self.failures[clip] for clip in wanted if clip in self.failures}
        needed = dict.fromkeys(row.shard for row in rows.values())
        shards = {name: self.shards[name] for name in needed}
        return Index(self.recipe_id, shards, rows, failures)


def write_index(folder: Path, index: Index) -> None:
    """Publish the index of a store."""
    content = {field.name: getattr(index, field.name) for field in dataclasses.fields(index)}
    content["shards"] = {name: place._asdict() for name, place in index.shards.items()}
    content["rows"] = list(index.rows.values())
    content["failures"] = list(index.failures.values())
    write_checked(folder / INDEX, "index", {"format": FORMAT, **content})


def read_index(folder: Path, *, recipe_id: str) -> Index:
    """Read the index of a store.

    Raises:
        FileNotFoundError: If there is none, or (`OtherFormatError`) one of another format.
        StoreError: If it is damaged or of another recipe.
    """
    path = folder / INDEX
    try:
        if _is_of_first_format(path):
            raise OtherFormatError(path)
        content = read_checked(path, "index")
        if content.pop("format") != FORMAT:
            raise OtherFormatError(path)
        if content["recipe_id"] != recipe_id:
            raise ValueError(f"it is not an index of recipe {recipe_id}")
        return _parse(content)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is damaged: {error}. {REPAIR}") from error


def index_signature(folder: Path) -> tuple[int, int, int] | None:
    """Return what tells one published index of a store from the next; None without one."""
    try:
        status = (folder / INDEX).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _is_of_first_format(path: Path) -> bool:
    # No flipped bit makes such a file of one of ours: there these keys lie deeper.
    with open(path, "rb") as file:
        if file.read(len(OUR_START)) == OUR_START:
            return False
        content = json.loads(path.read_bytes())
    return isinstance(content, dict) and content.keys() >= FIRST_FORMAT_KEYS


def _parse(content: dict[str, Any]) -> Index:
    rows = (Row(*row[:-1], Source(*row[-1])) for row in content.pop("rows"))
    failures = (Failure(clip, Source(*file), *why) for clip, file, *why in content.pop("failures"))
    shards = {name: Place(**place) for name, place in content.pop("shards").items()}
    return Index(
        rows={row.clip_id: row for row in rows},
        failures={failure.clip_id: failure for failure in failures},
        shards=shards,
        **content,
    )
