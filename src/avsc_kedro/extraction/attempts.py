"""Which clip a worker is at, noted on disk, so that it is known when the worker is gone.

A decoder may crash or never return; either way its process ends and takes with it what
it knew. Whoever is given the task next reads here which clip it was, and how it ended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.publish import remove_file
from avsc_kedro.stores.writing import ATTEMPT
from avsc_kedro.workers import time_limit

RETRY = "then run: kedro stores retry, and the same kedro run again."


class Attempts(NamedTuple):
    """The notes of one task.

    Attributes:
        folder: Where notes are kept: the folder of a store, which all workers see.
        name: Tells this task's notes from others.
        limit_s: How long one clip may take.
    """

    folder: Path
    name: str
    limit_s: float

    @classmethod
    def of(cls, folder: Path, clip_ids: Sequence[str], *, limit_s: float) -> Attempts:
        """Return the notes of the task over these clips."""
        name = hashlib.blake2b("\n".join(clip_ids).encode(), digest_size=8).hexdigest()
        return cls(folder, name, limit_s)

    def begin(self) -> None:
        """Take up what the last attempt, if its process ended, left behind."""
        notes = self._read()
        if notes["at"] is not None:
            how = _first_line(self._log)
            self._write(at=None, ends=[*notes["ends"], [notes["at"], how]])

    @contextmanager
    def decoding(self, clip_id: str, path: str) -> Iterator[None]:
        """Note that a clip is being decoded, and end this process if it takes too long.

        Raises:
            DecodeError: If it took too long before, or ended a process twice.
        """
        notes = self._read()
        self._refuse([how for clip, how in notes["ends"] if clip == clip_id], path)
        self._write(at=clip_id, ends=notes["ends"])
        try:
            with time_limit(self.limit_s, self._log):
                yield
        finally:
            self._write(at=None, ends=notes["ends"])

    def end(self) -> None:
        """Forget the notes of a task that is done."""
        remove_file(self._notes)
        remove_file(self._log)

    def has_clip_at_work(self) -> bool:
        """Whether the process that did this task ended while it decoded a clip."""
        return self._read()["at"] is not None

    def _refuse(self, ends: list[str], path: str) -> None:
        if any(how.startswith("Timeout") for how in ends):
            raise DecodeError.about(
                path,
                expected=f"a file that is decoded within {self.limit_s:g} s",
                received="no end",
                remedy=f"Replace the file, or raise extraction.time_limit_s; {RETRY}",
            )
        if len(ends) > 1:
            raise DecodeError.about(
                path,
                expected="a file that can be decoded",
                received=f"two decoders that died ({ends[-1] or 'without a word'})",
                remedy=f"Replace the file, or lower extraction.workers if memory is short; {RETRY}",
            )

    @property
    def _notes(self) -> Path:
        return self.folder / f"{ATTEMPT}{self.name}.json"

    @property
    def _log(self) -> Path:
        return self.folder / f"{ATTEMPT}{self.name}.log"

    def _read(self) -> dict:
        try:
            return json.loads(self._notes.read_bytes())
        except (OSError, ValueError):  # none yet, or torn by the end of its process
            return {"at": None, "ends": []}

    def _write(self, *, at: str | None, ends: list[list[str]]) -> None:
        self._notes.write_text(json.dumps({"at": at, "ends": ends}))


def _first_line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""
