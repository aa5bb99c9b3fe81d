"""What a step's outputs depend on, as plain data that can be kept and compared."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kedro.pipeline.node import Node
from pydantic import BaseModel

from avsc_kedro.options import WITHOUT_RESULT
from avsc_kedro.publish import digest_file
from avsc_kedro.source_code import code_digests

SHOWN = 3  # changes of one kind that a reason spells out


class Record(NamedTuple):
    """Everything that decides what a step makes.

    Attributes:
        code: {module: digest of what the step uses of it}.
        options: {name: value}, parameters and what the step's function is bound to.
        inputs: [location, content digest] of each input, in the function's order.
    """

    code: dict[str, str]
    options: dict[str, Any]
    inputs: list[list[str | None]]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        return cls(dict(data["code"]), dict(data["options"]), list(map(list, data["inputs"])))


def step_options(
    node: Node, parameter: Callable[[str], Any], own: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what a step is told, as plain data.

    Args:
        node: The step.
        parameter: From a parameter's name, without `params:`, to its value.
        own: What its output depends on by the output's own word, in place of parameters.
    """
    told: dict[str, Any] = dict(_bound(node.func))
    if own is None:
        names = [name.removeprefix("params:") for name in node.inputs if is_parameter(name)]
        told |= {name: parameter(name) for name in names}
    else:
        told |= own
    return {
        name: _count_files_by_content(_plain(value))
        for name, value in told.items()
        if not _is_for_speed_only(name)
    }


def step_code(node: Node) -> dict[str, str]:
    """Return the digests of the code behind a step; empty for a function typed in by hand."""
    try:
        return code_digests(node.func)
    except LookupError:
        return {}


def is_parameter(name: str) -> bool:
    """Whether a node's input is a parameter and not data."""
    return name == "parameters" or name.startswith("params:")


def describe_change(old: Record, new: Record, *, ignoring: set[str] = frozenset()) -> str | None:
    """Say in one line what differs, None if nothing does.

    Args:
        old: As the outputs were made.
        new: As they would be made now.
        ignoring: Locations of inputs that do not count.
    """
    parts = [
        _sentence("options changed", _option_changes(old.options, new.options)),
        _sentence("code changed", _changed_keys(old.code, new.code)),
        _sentence("inputs changed", _input_changes(old.inputs, new.inputs, ignoring)),
    ]
    return "; ".join(part for part in parts if part) or None


def _sentence(what: str, changes: list[str]) -> str:
    if not changes:
        return ""
    more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    return f"{what}: {', '.join(changes[:SHOWN])}{more}"


def _option_changes(old, new) -> list[str]:
    before, after = dict(_flatten(old)), dict(_flatten(new))
    return [
        f"{name} {_shown(before, name)} -> {_shown(after, name)}"
        for name in sorted({*before, *after})
        if _shown(before, name) != _shown(after, name)
    ]


def _input_changes(old, new, ignoring) -> list[str]:
    before = [pair for pair in old if pair[0] not in ignoring]
    after = [pair for pair in new if pair[0] not in ignoring]
    if before == after:
        return []
    return _changed_keys(dict(before), dict(after)) or ["their order"]


def _changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _shown(values: dict[str, Any], name: str) -> str:
    return json.dumps(values[name]) if name in values else "(none)"


def _bound(function: Callable) -> dict[str, Any]:
    return dict(function.keywords) if isinstance(function, functools.partial) else {}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return _without_speed(json.loads(json.dumps(value, default=str)))


def _without_speed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {k: _without_speed(v) for k, v in value.items() if not _is_for_speed_only(k)}


def _is_for_speed_only(name: str) -> bool:
    return name.rpartition(".")[2] in WITHOUT_RESULT


def _count_files_by_content(value: Any) -> Any:
    """Give an option that names a file, such as weights, that file's digest."""
    if isinstance(value, dict):
        return {key: _count_files_by_content(inner) for key, inner in value.items()}
    if isinstance(value, str) and "." in value:
        path = Path(value).expanduser()
        if len(value) < 4096 and path.is_file():
            return {"file": path.name, "content": digest_file(path)}
    return value
