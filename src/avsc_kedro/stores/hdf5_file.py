"""HDF5 written through Python's file objects, and what it makes of trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import h5py

# What h5py raises on a damaged file, depending on where the damage lies.
UNREADABLE = (OSError, RuntimeError, AttributeError, KeyError, TypeError, ValueError, MemoryError)


@contextmanager
def writing_hdf5(file: BinaryIO) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that writes into `file`.

    Raises:
        OSError: What `file` raised first, once HDF5 has let go of it.
    """
    guarded = _Guarded(file)
    try:
        with h5py.File(guarded, "w") as hdf5:
            yield hdf5
    finally:
        if guarded.error is not None:
            raise guarded.error


class _Guarded:
    """Keeps the first error of a file from HDF5, and then goes on as if all were well.

    HDF5 can lose an error of a callback, or leave the process to crash at its end.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self._position = self._end = 0
        self.error: BaseException | None = None

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = self._end if whence == 2 else offset
        return self._position

    def tell(self) -> int:
        return self._position

    def write(self, content: memoryview) -> int:
        self._try(self._file.seek, self._position)
        self._try(self._file.write, content)
        self._position += content.nbytes
        self._end = max(self._end, self._position)
        return content.nbytes

    def readinto(self, buffer: memoryview) -> int:
        self._try(self._file.seek, self._position)
        self._try(self._file.readinto, buffer)
        self._position += buffer.nbytes
        return buffer.nbytes

    def read(self, size: int) -> bytes:
        """What h5py knows a file by; it calls `readinto`."""
        buffer = bytearray(size)
        self.readinto(memoryview(buffer))
        return bytes(buffer)

    def truncate(self, size: int) -> None:
        self._try(self._file.truncate, size)
        self._end = size

    def flush(self) -> None:
        self._try(self._file.flush)

    def _try(self, operation: Callable, *arguments: Any) -> None:
        if self.error is None:
            try:
                operation(*arguments)
            except BaseException as error:
                self.error = error
