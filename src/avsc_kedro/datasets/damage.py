"""What to say of a file of this project that can no longer be read."""

from __future__ import annotations

from pathlib import Path

from avsc_kedro.paper import BRANCHES

PHASE1_FOLDERS = {"02_intermediate", "04_feature", *(branch.name for branch in BRANCHES)}


def explain_damage(path: str | Path, error: BaseException) -> str:
    """Name the file, what is wrong with it, and how to have it made anew.

    Args:
        path: The damaged file, or the folder of its versions.
        error: What reading it raised.
    """
    path = Path(path)
    phase = "phase1" if PHASE1_FOLDERS & set(path.parts) else "phase2"
    reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    return (
        f"Expected a readable file at {path}. It is damaged: {reason}. "
        f"{_what_to_delete(path)} and run kedro run --pipeline={phase}"
    )


def _what_to_delete(path: Path) -> str:
    if path.is_dir():
        return f"Delete the newest version in {path}"
    if path.parent.parent.name == path.name:  # name/version/name
        return f"Delete this version, {path.parent},"
    return "Delete this file"
