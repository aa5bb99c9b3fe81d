"""What code a function depends on, as digests that comments and docstrings do not change."""

from avsc_kedro.source_code.reach import code_digest, code_digests

__all__ = ["code_digest", "code_digests"]
