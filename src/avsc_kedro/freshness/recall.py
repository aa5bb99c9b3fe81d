"""Bring back older versions that were made exactly as the present ones would be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from kedro.io import AbstractDataset, CatalogProtocol
from kedro.pipeline.node import Node

from avsc_kedro.freshness.outputs import STAMP, is_as_made, read_stamp, version_to_save, versions
from avsc_kedro.freshness.record import Record, describe_change


def recall(node: Node, record: Record, catalog: CatalogProtocol) -> str | None:
    """Publish an older version of all outputs of a step anew, if one has this record.

    The right version is then the newest, the one that Kedro loads. Files are linked, not
    copied, where the disk can.

    Args:
        node: A step whose newest outputs were made otherwise.
        record: What decides its outputs now.
        catalog: Holds its outputs.

    Returns:
        The version that was brought back, None if there is none.
    """
    version = find_version(node, record, catalog)
    if version:
        for name in node.outputs:
            _publish_again(versions(catalog[name])[version], catalog[name])
    return version


def find_version(
    node: Node, record: Record, catalog: CatalogProtocol, *, ignoring: Collection[str] = ()
) -> str | None:
    """Return the newest version in which all outputs of a step have this record.

    None if there is none, or not all outputs keep versions.

    Args:
        node: The step.
        record: What decides its outputs now.
        catalog: Holds its outputs.
        ignoring: Locations of inputs that do not count.
    """
    datasets = [catalog[name] for name in node.outputs]
    if not datasets or not all(version_to_save(dataset) for dataset in datasets):
        return None
    known = [versions(dataset) for dataset in datasets]
    for version in sorted(set.intersection(*map(set, known)), reverse=True):
        if all(_is_made_by(record, found[version], set(ignoring)) for found in known):
            return version
    return None


def _is_made_by(record: Record, path: Path, ignoring: set[str]) -> bool:
    place = path.with_name(STAMP)
    stamp = read_stamp(place)
    if stamp is None or describe_change(stamp.record, record, ignoring=ignoring):
        return False
    return is_as_made(path, place)


def _publish_again(path: Path, dataset: AbstractDataset) -> None:
    folder = path.parents[1] / version_to_save(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    for source in (path, path.with_name(STAMP)):  # the stamp last: it says complete
        try:
            os.link(source, folder / source.name)
        except OSError:
            shutil.copy2(source, folder / source.name)
