"""The error of a file that cannot be decoded as asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avsc_kedro.errors import InputError


class DecodeError(InputError):
    """A media file is missing, damaged, too short or lacks a track."""

    @classmethod
    def about(
        cls, path: str | Path, *, expected: str, received: str, remedy: str = "Replace the file."
    ) -> DecodeError:
        """Return the error that names the file, both sides and the next step."""
        return cls.of(expected=expected, received=received, remedy=remedy, where=str(path))


@contextmanager
def decoding(path: str | Path) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file into a DecodeError.

    Errors that already name their remedy pass, and so does a lack of memory, which
    says nothing about the file.

    Raises:
        DecodeError: If the block raises anything else.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise DecodeError.about(
            path,
            expected="a file that can be decoded",
            received=f"{type(error).__name__}: {error}",
            remedy="The file is damaged: copy or download it again.",
        ) from error
