"""JSON files whose first line carries the digest of the rest: no flipped bit goes unseen."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from avsc_kedro.publish import publish_bytes


def write_checked(path: Path, name: str, content: Any) -> None:
    """Publish `content` as `{"digest": "...",\\n"name": content}`."""
    body = f'"{name}": {json.dumps(content)}}}\n'.encode()
    publish_bytes(path, _first_line(body) + body)


def read_checked(path: Path, name: str) -> Any:
    """Read what `write_checked` wrote.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not what was written.
    """
    first, newline, body = path.read_bytes().partition(b"\n")
    if first + newline != _first_line(body):
        raise ValueError("its content does not have its digest")
    return json.loads(b"{" + body)[name]


def _first_line(body: bytes) -> bytes:
    return f'{{"digest": "{hashlib.blake2b(body, digest_size=16).hexdigest()}",\n'.encode()
