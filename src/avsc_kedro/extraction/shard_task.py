"""A few clips into one shard a kind: what a worker process does."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from avsc_kedro.errors import InputError
from avsc_kedro.extraction.attempts import Attempts
from avsc_kedro.extraction.same_maker import require_same_maker
from avsc_kedro.features import clip_features
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.stores.index import Index
from avsc_kedro.stores.reading import ShardReader
from avsc_kedro.stores.recipe import Recipe
from avsc_kedro.stores.shard import Failure, Row, Shard, write_shard
from avsc_kedro.stores.source import Source, absent_source, identify_source
from avsc_kedro.stores.store_error import StoreError, writing_to


class PlannedClip(NamedTuple):
    """One clip and the file its features come from."""

    clip_id: str
    path: str


class Part(NamedTuple):
    """The shard of one kind that a task makes.

    Attributes:
        folder: Folder of the kind's shards.
        recipe: How its features are made.
        known: What became of those of the clips that need not be decoded again.
    """

    folder: Path
    recipe: Recipe
    known: Index


class ShardTask(NamedTuple):
    """The unit of work: a few clips into one shard of each kind.

    Attributes:
        clips: The clips, each decoded once.
        parts: One for each kind that lacks some of them.
        attempts: Where is noted which clip is being decoded.
        maker: What every worker must be like, see `same_maker`.
    """

    clips: list[PlannedClip]
    parts: list[Part]
    attempts: Attempts
    maker: dict[str, str]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each part."""
        return tuple(part.recipe.kind for part in self.parts)


def extract_shard(task: ShardTask) -> list[Shard]:
    """Make one shard for each part and publish it; a clip that fails becomes a failure.

    Raises:
        StoreError: If the disk refuses to be written.
        InputError: If this process sees other folders, or has another version of what
            makes features, than the one that gave the task.
    """
    require_same_maker(task.maker, task.attempts.folder)
    shards = [_NewShard(part, len(task.clips)) for part in task.parts]
    with writing_to(task.attempts.folder):
        task.attempts.begin()
        for clip in task.clips:
            wanting = [shard for shard in shards if not shard.take_known(clip.clip_id)]
            if wanting:
                _decode(clip, wanting, task.attempts)
        done = [shard.publish() for shard in shards]
        task.attempts.end()
    return done


class _NewShard:
    """One part's shard while it is made."""

    def __init__(self, part: Part, clips: int):
        self.recipe = part.recipe
        self._part = part
        self._features = np.empty((clips, *part.recipe.shape), part.recipe.dtype)
        self._clip_ids: list[str] = []
        self._sources: list[Source] = []
        self._failures: list[Failure] = []

    def take_known(self, clip_id: str) -> bool:
        """Take over what is known of a clip; return whether anything, and intact, was."""
        known = self._part.known
        if clip_id in known.failures:
            self._failures.append(known.failures[clip_id])
            return True
        row = known.rows.get(clip_id)
        features = row and self._read(row)
        if features is None:
            return False
        self.add(clip_id, row.source, features)
        return True

    def add(self, clip_id: str, source: Source, features: np.ndarray) -> None:
        """Add the features of a clip; of another shape they are a failure."""
        if features.shape != self.recipe.shape:
            error = DecodeError.about(
                source.path,
                expected=f"features of shape {self.recipe.shape}",
                received=f"{features.shape}",
            )
            self.add_failure(clip_id, source, error)
            return
        self._features[len(self._clip_ids)] = features
        self._clip_ids.append(clip_id)
        self._sources.append(source)

    def add_failure(self, clip_id: str, source: Source, error: InputError) -> None:
        """Add a clip that has no features."""
        why = (error.expected, error.received, error.remedy)
        self._failures.append(Failure(clip_id, source, *why))

    def publish(self) -> Shard:
        """Write the shard; without any row there is none to write."""
        if not self._clip_ids:
            return Shard(None, None, [], self._failures)
        return write_shard(
            self._part.folder,
            recipe=self.recipe,
            clip_ids=self._clip_ids,
            features=self._features[: len(self._clip_ids)],
            sources=self._sources,
            failures=self._failures,
        )

    def _read(self, row: Row) -> np.ndarray | None:
        place = self._part.known.shards[row.shard]
        try:
            return ShardReader(self._part.folder / row.shard, place, self.recipe).row(row)
        except StoreError:  # damaged since it was written: extract it anew
            return None


def _decode(clip: PlannedClip, shards: list[_NewShard], attempts: Attempts) -> None:
    source = absent_source(clip.path)
    recipes = {shard.recipe.kind: shard.recipe.options for shard in shards}
    try:
        source = _identify(clip.path)
        with attempts.decoding(clip.clip_id, clip.path):
            features = clip_features(recipes, clip.path)
    except InputError as error:
        for shard in shards:
            shard.add_failure(clip.clip_id, source, error)
        return
    for shard in shards:
        shard.add(clip.clip_id, source, features[shard.recipe.kind])


def _identify(path: str) -> Source:
    try:
        return identify_source(path)
    except OSError as error:
        raise DecodeError.about(
            path,
            expected="a readable media file",
            received=f"{error.strerror!r}",
            remedy="Put it back or allow reading it, then run the same command again.",
        ) from error
