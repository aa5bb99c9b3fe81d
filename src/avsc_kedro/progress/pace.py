"""How far work is, how fast it goes and how long it will take, in words."""

from __future__ import annotations

from dataclasses import dataclass

AT_ONCE_S = 0.1


@dataclass
class Pace:
    """The count and the clock of one bar.

    The rate is all that was done over all the time it took, up to the last report:
    workers report in bursts, which a rate of the last moments would take for speed. What
    is reported as the bar opens was done before, as in a training that goes on.
    """

    total: int | None
    unit: str
    began_s: float
    done: int = 0
    before: int = 0
    reported_s: float = 0

    def advance(self, count: int, *, now_s: float) -> None:
        """Count what is done."""
        self.done += count
        self.reported_s = now_s
        if now_s - self.began_s < AT_ONCE_S:
            self.before = self.done

    @property
    def per_s(self) -> float | None:
        """How many a second, None as long as that is not known."""
        if self.done <= self.before:
            return None
        return (self.done - self.before) / (self.reported_s - self.began_s)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.total is None or self.done >= self.total

    def rate_text(self) -> str:
        """Return `12.3 clips/s`, below one a second `4.1 s/clip`, nothing if not known."""
        per_s = self.per_s
        if per_s is None:
            return ""
        if per_s >= 1:
            return f"{per_s:,.{1 if per_s < 100 else 0}f} {self.unit}/s"
        seconds, one = 1 / per_s, self.unit.removesuffix("s")
        return f"{seconds:.1f} s/{one}" if seconds < 60 else f"{seconds / 60:.1f} min/{one}"

    def left_text(self, now_s: float) -> str:
        """Return `1:10 left`, nothing if that is not known or nothing is left."""
        if self.per_s is None or self.is_complete:
            return ""
        left_s = (self.total - self.done) / self.per_s - (now_s - self.reported_s)
        return f"{duration_text(max(left_s, 0))} left"

    def end_text(self, now_s: float) -> str:
        """Return `done after 1:15`, or `stopped` where something is left."""
        word = "done" if self.is_complete else "stopped"
        return f"{word} after {duration_text(now_s - self.began_s)}"


def duration_text(seconds: float) -> str:
    """Return `4.1 s`, `41 s`, `1:15` or `2 h 05 min`."""
    if round(seconds) < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes}:{rest:02d}"
