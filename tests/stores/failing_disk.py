"""A disk that fails at a chosen step, and forgets what was not synced when it does."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path


class Died(BaseException):
    """The process is no more; nothing after it reaches the disk."""


class FailingDisk:
    """Stands for `os` and `open` in `avsc_kedro.publish`.

    Args:
        fail_at: Number of the step that fails, from 1; 0 for none.
        how: "killed": the step does not happen, and the process does nothing more.
            "power cut": half of it happens, and what was not synced is undone or torn.
            "full": it raises ENOSPC once, and the process goes on.
    """

    name, O_RDONLY = os.name, os.O_RDONLY
    close = staticmethod(os.close)

    def __init__(self, fail_at: int = 0, how: str = "killed"):
        self.fail_at = fail_at
        self.how = how
        self.steps: list[str] = []
        self.durable: set[Path] = set()  # published under its name, folder synced
        self.renamed: set[Path] = set()
        self._dead = False
        self._unsynced: set[Path] = set()
        self._undo: list[tuple[Path, Callable[[], None]]] = []

    def settle(self) -> None:
        """Leave the disk as the next process finds it."""
        if self.how != "power cut":
            return
        for _, undo in reversed(self._undo):
            undo()
        for path in self._unsynced:
            if path.exists():
                os.truncate(path, path.stat().st_size // 2)

    def step(self, name: str, do: Callable, half: Callable = lambda: None):
        """Do one thing, or fail at it."""
        if self._dead:
            raise Died
        self.steps.append(name)
        if len(self.steps) == self.fail_at:
            if self.how == "full":
                raise OSError(errno.ENOSPC, "No space left on device")
            if self.how == "power cut":
                half()
            self._dead = True
            raise Died
        return do()

    def mkdir(self, path):
        self.step("mkdir", lambda: os.mkdir(path))

    def open(self, path, flags):
        return self.step("open to sync", lambda: os.open(path, flags))

    def fsync(self, descriptor):
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        self.step(f"fsync {'folder' if path.is_dir() else 'file'}", lambda: self._synced(path))

    def replace(self, source, target):
        source, target = Path(source), Path(target)
        old = target.read_bytes() if target.exists() else None

        def undo():
            os.replace(target, source)
            if old is not None:
                target.write_bytes(old)

        def do():
            os.replace(source, target)
            self.renamed.add(target)
            self._undoable(target, undo)

        self.step("rename", do)

    def unlink(self, path):
        def do():
            old = Path(path).read_bytes()
            os.unlink(path)
            self.renamed.discard(Path(path))
            self.durable.discard(Path(path))
            self._undoable(Path(path), lambda: Path(path).write_bytes(old))

        self.step("unlink", do)

    def open_file(self, path, mode):
        if mode == "rb":
            return open(path, mode)
        self._unsynced.add(Path(path))
        return self.step("create", lambda: _File(self, open(path, mode, buffering=0), Path(path)))

    def note_write(self, path: Path) -> None:
        self._unsynced.add(path)

    def _undoable(self, path: Path, undo: Callable[[], None]) -> None:
        self._undo.append((path, undo))

    def _synced(self, path: Path) -> None:
        self._unsynced.discard(path)
        if path.is_dir():
            here = {entry for entry, _ in self._undo if entry.parent == path}
            self.durable |= here & self.renamed
            self._undo = [(entry, undo) for entry, undo in self._undo if entry not in here]


class _File:
    """A file whose every call is a step."""

    def __init__(self, disk: FailingDisk, file, path: Path):
        self._disk, self._file, self._path = disk, file, path

    def write(self, content):
        content = bytes(content)
        self._disk.note_write(self._path)
        half = content[: len(content) // 2]
        return self._disk.step(
            "write", lambda: self._file.write(content), lambda: self._file.write(half)
        )

    def truncate(self, size):
        return self._disk.step("truncate", lambda: self._file.truncate(size))

    def flush(self):
        return self._disk.step("flush", self._file.flush)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
