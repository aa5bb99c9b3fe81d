"""Where clips come from, as a catalog dataset: the user's recordings or the embedded set."""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from kedro.io import AbstractDataset

from avsc_kedro import embedded, progress
from avsc_kedro.clips.sources import read_clips
from avsc_kedro.options import ClipsOptions, EmbeddedOptions, ExtractionOptions
from avsc_kedro.workers import open_pool, run_all

logger = logging.getLogger(__name__)


class ClipRequest(NamedTuple):
    """Which clips are wanted and, if they are the embedded set, how large it is."""

    clips: ClipsOptions
    embedded: EmbeddedOptions
    extraction: ExtractionOptions


class ClipSourceDataset(AbstractDataset):
    """The table of recordings that `params:clips` names.

    `save` takes a `ClipRequest` and writes what is missing of the embedded set,
    nothing for any other source; `load` lists the clips without opening a recording.

    Args:
        filepath: Folder of the embedded set.
        clips: The `clips` group of the parameters.
        embedded: The `embedded` group of the parameters.
        metadata: Anything other tools want to know.
    """

    stamp_path = None  # what is there tells by itself whether it is complete

    def __init__(
        self,
        *,
        filepath: str,
        clips: dict[str, Any],
        embedded: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ):
        self._root = Path(filepath)
        self._clips = ClipsOptions(**clips)
        self._embedded = EmbeddedOptions(**embedded)
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        return read_clips(self._clips, self._root)

    def save(self, data: ClipRequest) -> None:
        if data.clips.is_embedded:
            _write_embedded(self._root, data.embedded, data.extraction.workers)
        else:
            logger.info("clips come from %s", data.clips.path)

    def why_outdated(self) -> str | None:
        """Say what of the embedded set is missing; None for recordings, which nobody makes."""
        if not self._clips.is_embedded:
            return None
        missing = len(embedded.missing_clips(self._root, self._embedded))
        if missing:
            return f"{missing} synthetic clips of these options are missing"
        listed = embedded.has_tables(self._root, self._embedded)
        return None if listed else "the tables of the synthetic clips list others"

    def content_digest(self) -> str:
        """Return the digest (32 hexadecimal digits) of the listing, no recording opened."""
        listing = self.load().to_csv(index=False).encode()
        return hashlib.blake2b(listing, digest_size=16).hexdigest()

    def _exists(self) -> bool:
        if self._clips.is_embedded:
            return self.why_outdated() is None
        return Path(self._clips.path or "").exists()

    def _describe(self) -> dict[str, Any]:
        return {"embedded_set": str(self._root), "clips": self._clips.model_dump()}


def _write_embedded(root: Path, options: EmbeddedOptions, workers: int | None) -> None:
    embedded.claim_folder(root, options)
    rows = embedded.missing_clips(root, options).to_dict("records")
    if rows:
        write = partial(_write_row, root, options)
        title = "synthetic clips"
        with open_pool(workers) as pool, progress.track(len(rows), title, unit="clips") as bar:
            for _ in run_all(pool, write, rows):
                bar.advance(1)
    else:
        logger.info("synthetic clips: all of them are there")
    embedded.write_tables(root, options)


def _write_row(root: Path, options: EmbeddedOptions, row: dict[str, Any]) -> None:
    embedded.write_clip(root, row, options)
