"""The error of a file that cannot be decoded as asked."""

from __future__ import annotations

from pathlib import Path

from avsc_kedro.errors import InputError


class DecodeError(InputError):
    """A media file is missing, damaged, too short or lacks a track."""

    @classmethod
    def about(
        cls, path: str | Path, *, expected: str, received: str, remedy: str = "Replace the file."
    ) -> DecodeError:
        """Return the error that names the file, both sides and the next step."""
        return cls(f"Expected {expected}. Received {received} from {path}. {remedy}")
