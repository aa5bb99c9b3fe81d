"""Where datasets lie, the stamps beside them, and what their content is.

The one place that reaches into Kedro's datasets (`_filepath`, `_version`); tests pin it.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from kedro.io import AbstractDataset, AbstractVersionedDataset, DatasetError, Version

from avsc_kedro.errors import InputError
from avsc_kedro.freshness.record import Record
from avsc_kedro.publish import digest_file, publish_bytes

STAMP = "stamp.json"
FORMAT = 1


class Stamp(NamedTuple):
    """What is kept beside an output: how it was made, and what it was then."""

    record: Record
    output: dict[str, Any]
    step: str
    run: str | None
    seconds: float


def location(name: str, dataset: AbstractDataset) -> str:
    """Name a dataset by the end of its path, which is the same under every data root."""
    path = getattr(dataset, "_filepath", None)
    return "/".join(Path(path).parts[-2:]) if path is not None else name


def lock_name(name: str, dataset: AbstractDataset) -> str:
    """Name what no two runs may make at once; other than `location`, with the data set."""
    path = getattr(dataset, "_filepath", None)
    return "--".join(Path(path).parts[-3:]) if path is not None else name


def load_path(dataset: AbstractDataset) -> Path | None:
    """Return the file a dataset would load, None if it is not one or is not there."""
    path = getattr(dataset, "_filepath", None)
    if path is None:
        return None
    path = Path(path)
    version = getattr(dataset, "_version", None)
    if version is not None:
        path = path / version.load / path.name if version.load else _newest(path)
    return path if path is not None and path.is_file() else None


def stamp_to_read(dataset: AbstractDataset) -> Path | None:
    """Return where the stamp of what a dataset would load lies, None if it has none."""
    if hasattr(dataset, "stamp_path"):
        return dataset.stamp_path
    path = load_path(dataset)
    return _stamp_beside(path, dataset) if path else None


def stamp_to_write(dataset: AbstractDataset) -> Path | None:
    """Return where the stamp of what a dataset would save belongs, None if nowhere."""
    if hasattr(dataset, "stamp_path"):
        return dataset.stamp_path
    path = getattr(dataset, "_filepath", None)
    if path is None:
        return None
    path = Path(path)
    if version := version_to_save(dataset):
        path = path / version / path.name
    return _stamp_beside(path, dataset)


def version_to_save(dataset: AbstractDataset) -> str | None:
    """Return the version that a dataset would save, None if it keeps no versions."""
    version = getattr(dataset, "_version", None)
    return version.save if version is not None else None


def version_to_load(dataset: AbstractDataset) -> str | None:
    """Return the version that a dataset was told to load, None if it takes the newest."""
    version = getattr(dataset, "_version", None)
    return version.load if version is not None else None


def versions(dataset: AbstractDataset) -> dict[str, Path]:
    """Return the file of each version of a versioned dataset."""
    folder = Path(dataset._filepath)
    return {path.parent.name: path for path in folder.glob(f"*/{folder.name}")}


def is_kept(dataset: AbstractDataset) -> bool:
    """Whether what is saved can be found again by another run."""
    return hasattr(dataset, "stamp_path") or getattr(dataset, "_filepath", None) is not None


def read_stamp(path: Path | None) -> Stamp | None:
    """Read a stamp; one that is absent, damaged or of another format is None."""
    if path is None:
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return None
        record = Record.from_json(data["record"])
        output, seconds = dict(data["output"]), float(data["seconds"])
        return Stamp(record, {"digest": None, **output}, data["step"], data["run"], seconds)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_stamp(path: Path, stamp: Stamp) -> None:
    """Publish a stamp."""
    data = {"format": FORMAT, **stamp._asdict(), "record": stamp.record._asdict()}
    publish_bytes(path, (json.dumps(data, indent=1) + "\n").encode())


def describe_output(dataset: AbstractDataset) -> dict[str, Any]:
    """Return what identifies what a dataset would load: its digest and, of a file, its times."""
    if hasattr(dataset, "content_digest"):
        return {"digest": dataset.content_digest()}
    path = load_path(dataset)
    return {**_times(path), "digest": digest_file(path)} if path else {"digest": None}


def content_digest(dataset: AbstractDataset) -> str | None:
    """Return the digest of what a dataset would load, None if there is nothing.

    A file is read only if its size or time is not that of its stamp.
    """
    if hasattr(dataset, "content_digest"):
        try:
            return dataset.content_digest()
        except (InputError, DatasetError):  # nothing there, or not readable: the step will say
            return None
    path = load_path(dataset)
    return _file_digest(path, stamp_to_read(dataset)) if path else None


def is_as_made(path: Path, place: Path) -> bool:
    """Whether a file still is what the stamp at `place` says."""
    stamp = read_stamp(place)
    return stamp is not None and _file_digest(path, place) == stamp.output["digest"]


def _file_digest(path: Path, place: Path | None) -> str:
    stamp, times = read_stamp(place), _times(path)
    if stamp and stamp.output.items() >= times.items():
        return stamp.output["digest"]
    digest = digest_file(path)
    if stamp and digest == stamp.output["digest"]:
        with contextlib.suppress(OSError):  # spares reading it again, and no more
            write_stamp(place, stamp._replace(output={**stamp.output, **times}))
    return digest


def pin_load(dataset: AbstractDataset, version: str | None = None) -> None:
    """Let a dataset load one version, whatever other runs save; by default the newest now."""
    if isinstance(dataset, AbstractVersionedDataset) and version_to_save(dataset):
        newest = load_path(dataset)
        if version or (newest and not version_to_load(dataset)):
            _pin(dataset, version or newest.parent.name)


def pin_save(dataset: AbstractDataset) -> None:
    """Let a dataset load the very version that it is about to save."""
    version = getattr(dataset, "_version", None)
    if isinstance(dataset, AbstractVersionedDataset) and version:
        _pin(dataset, version.save)


def _pin(dataset: AbstractVersionedDataset, load: str) -> None:
    dataset._version = Version(load, dataset._version.save)
    dataset.release()  # Kedro remembers the version it found before


def _newest(folder: Path) -> Path | None:
    return max(folder.glob(f"*/{folder.name}"), default=None)


def _stamp_beside(path: Path, dataset: AbstractDataset) -> Path:
    versioned = getattr(dataset, "_version", None) is not None
    return path.with_name(STAMP if versioned else f"{path.name}.{STAMP}")


def _times(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
