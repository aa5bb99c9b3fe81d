"""Progress of long work, from any thread or child process, on one screen.

    with track(len(clips), "features mel") as bar:
        for clip in clips:
            ...
            bar.advance(failures=failures)

A spawned child calls `relay_to(queue)` once; the parent draws what its children
report inside `with listen(queue):`.
"""

from avsc_kedro.progress.bars import Bar, relay_to, track
from avsc_kedro.progress.listening import listen

__all__ = ["Bar", "listen", "relay_to", "track"]
