"""The one error a user can act on."""

from __future__ import annotations

from typing import Self


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message names the file or key, what was expected, what was received and
    the next step. The command line prints it as one line without a traceback.

    Attributes:
        expected: What was expected, where the error was made by `of`; else empty.
        received: What came instead; the whole message where not made by `of`.
        remedy: The next step, where made by `of`; else empty.
    """

    def __init__(self, message: str):
        super().__init__(message)
        self.expected, self.received, self.remedy = "", message, ""

    @classmethod
    def of(cls, *, expected: str, received: str, remedy: str, where: str) -> Self:
        """Return the error whose parts can be told apart, as a table of failures needs them."""
        error = cls(f"Expected {expected}. Received {received} from {where}. {remedy}")
        error.expected, error.received, error.remedy = expected, received, remedy
        return error
