from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from avsc_kedro.augmentation import (
    crop,
    draw_flips,
    draw_stretches,
    draw_windows,
    flip,
    mask,
)
from avsc_kedro.errors import InputError
from avsc_kedro.models.feeds import Feed
from avsc_kedro.models.samples import EmbeddingSamples, FrameSamples, SpectrogramSamples
from avsc_kedro.options import (
    FrameAugmentationOptions,
    MixupOptions,
    SpectrogramAugmentationOptions,
)

UNIFORM = MixupOptions(distribution="uniform")
LABELS = np.array([0, 1, 2, 0, 1, 2, 0])
MASKS = SpectrogramAugmentationOptions(
    time_masks=2, time_mask_frames=4, band_masks=1, band_mask_bands=3
)
WINDOWS = FrameAugmentationOptions(flip=True, crop_min_fraction=0.5)


def spectrograms(clips=7):
    """Clip i holds the number i everywhere."""
    return SpectrogramSamples([np.full((2, 3, 1), i, np.float32) for i in range(clips)])


def frame_clips(clips=7, frames=6):
    """Frame f of clip i holds the number 10 i + f."""
    rows = [
        np.stack([np.full((2, 2, 3), 10 * i + f, np.uint8) for f in range(frames)])
        for i in range(clips)
    ]
    return rows


def feed(samples=None, **changes):
    settings = {"classes": 3, "batch_size": 3, "mixup_options": UNIFORM, "seed": 5}
    return Feed(samples or spectrograms(), LABELS, **{**settings, **changes})


def batches(one_feed):
    return [one_feed[index] for index in range(len(one_feed))]


def test_seed_epoch_and_index_decide_the_batch():
    first, second = feed(), feed()
    batches(first)  # asking for other batches first makes no difference
    for (x, y), (again_x, again_y) in zip(batches(first), batches(second), strict=True):
        np.testing.assert_array_equal(x, again_x)
        np.testing.assert_array_equal(y, again_y)
    first.on_epoch_end()
    assert not np.array_equal(first[0][0], second[0][0])
    second.on_epoch_end()
    np.testing.assert_array_equal(first[2][0], second[2][0])
    assert not np.array_equal(feed(seed=6)[0][0], feed()[0][0])


def test_no_batch_draws_what_drew_the_order():
    """NumPy takes [seed, epoch] and [seed, epoch, 0] for the same seed."""
    drawn = []

    class Spy(SpectrogramSamples):
        def take(self, indices, rng):
            drawn.append(rng.random())
            return super().take(indices, rng)

    batches(feed(Spy(spectrograms().rows)))
    assert np.random.default_rng([5, 0]).random() not in drawn
    assert len(set(drawn)) == 3


def test_every_sample_comes_once_an_epoch():
    off = feed(mixup_options=MixupOptions(distribution="none"))
    orders = []
    for _ in range(2):
        values = np.concatenate([x[:, 0, 0, 0] for x, _ in batches(off)])
        assert sorted(values) == list(range(7))
        orders.append(values.tolist())
        off.on_epoch_end()
    assert orders[0] != orders[1]


def test_without_mixup_samples_come_as_they_are():
    for x, y in batches(feed(mixup_options=MixupOptions(distribution="none"))):
        np.testing.assert_array_equal(y, np.eye(3)[LABELS[x[:, 0, 0, 0].astype(int)]])
        assert x.dtype == y.dtype == np.float32


def test_validation_is_whole_in_order_and_unmixed():
    validation = feed(seed=None)
    assert len(validation) == 3
    values = np.concatenate([x[:, 0, 0, 0] for x, _ in batches(validation)])
    assert values.tolist() == list(range(7))
    labels = np.concatenate([y for _, y in batches(validation)])
    np.testing.assert_array_equal(labels, np.eye(3)[LABELS])
    validation.on_epoch_end()
    np.testing.assert_array_equal(validation[0][0][:, 0, 0, 0], [0, 1, 2])


@pytest.mark.parametrize("different_scenes", [False, True])
def test_sample_and_label_are_mixed_with_the_same_pair_and_weight(different_scenes):
    """A clip of class c holds 1 in channel c alone, so that it shows its own label."""
    samples = SpectrogramSamples([np.eye(3, dtype="f4")[c].reshape(1, 1, 3) for c in LABELS])
    options = MixupOptions(distribution="uniform", different_scenes=different_scenes)
    mixed = np.concatenate([y for _, y in batches(feed(samples, mixup_options=options))])
    seen = np.concatenate([x for x, _ in batches(feed(samples, mixup_options=options))])
    np.testing.assert_allclose(seen[:, 0, 0], mixed, atol=1e-6)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-6)
    assert mixed.min() >= 0
    assert np.any((mixed > 0.01) & (mixed < 0.99))


def test_every_pixel_of_a_pair_has_one_weight():
    for x, _ in batches(feed()):
        assert np.all(x == x[:, :1, :1])


def test_branches_of_a_clip_share_pair_and_weight():
    rng = np.random.default_rng(0)
    audio = rng.normal(size=(7, 4)).astype("f4")
    samples = EmbeddingSamples({"aud_mel": audio, "vis_inc": 3 * audio + 1})
    for x, y in batches(feed(samples)):
        np.testing.assert_allclose(x["vis_inc"], 3 * x["aud_mel"] + 1, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(y.sum(axis=1), 1, atol=1e-6)


def test_frames_without_a_seed_are_spread_evenly():
    validation = feed(FrameSamples(frame_clips(), per_clip=3), seed=None)
    assert len(validation) == 7
    x, y = validation[2]
    assert x[:, 0, 0, 0].tolist() == [21, 23, 25]  # the middle of each third of clip 2
    assert x.dtype == np.float32
    np.testing.assert_array_equal(y, np.eye(3)[[2, 2, 2]])
    alone = FrameSamples(frame_clips(frames=5), per_clip=1).take(np.array([4]), None)
    assert alone[0, 0, 0, 0] == 42


def test_frames_are_bytes_until_a_batch_is_made_of_them():
    samples = FrameSamples(frame_clips(), per_clip=3)
    assert samples.take(np.arange(4), np.random.default_rng(0)).dtype == np.uint8
    for changes in ({}, {"mixup_options": MixupOptions(distribution="none")}, {"seed": None}):
        for x, y in batches(feed(samples, **changes)):
            assert x.dtype == y.dtype == np.float32
            assert x.shape == (len(y), 2, 2, 3)


def test_as_many_samples_as_frames_see_each_frame_once_an_epoch():
    off = MixupOptions(distribution="none")
    whole = feed(FrameSamples(frame_clips(), per_clip=6), mixup_options=off)
    values = np.concatenate([x[:, 0, 0, 0] for x, _ in batches(whole)]).astype(int)
    assert sorted(values) == [10 * clip + frame for clip in range(7) for frame in range(6)]


def test_each_sample_is_drawn_from_its_part_of_the_clip():
    samples = FrameSamples(frame_clips(frames=7), per_clip=3)
    rng = np.random.default_rng(0)
    drawn = np.stack([samples.take(np.arange(6, 9), rng)[:, 0, 0, 0] for _ in range(60)])
    parts = [set(column.astype(int)) for column in drawn.T]
    assert parts == [{20, 21}, {22, 23}, {24, 25, 26}]


def test_more_samples_than_frames_repeat_them():
    samples = FrameSamples(frame_clips(frames=2), per_clip=5)
    drawn = samples.take(np.arange(5), np.random.default_rng(0))[:, 0, 0, 0]
    assert drawn.tolist() == [0, 0, 0, 1, 1]


def test_every_frame_belongs_to_its_clip():
    samples = FrameSamples(frame_clips(), per_clip=4)
    off = MixupOptions(distribution="none")
    seen = []
    one_feed = feed(samples, mixup_options=off)
    for _ in range(20):
        for x, y in batches(one_feed):
            values = x[:, 0, 0, 0].astype(int)
            np.testing.assert_array_equal(y, np.eye(3)[LABELS[values // 10]])
            assert np.all(values % 10 < 6)
            seen.extend(values)
        one_feed.on_epoch_end()
    clips, counts = np.unique(np.array(seen) // 10, return_counts=True)
    assert clips.tolist() == list(range(7))
    assert set(counts) == {20 * 4}
    assert len(set(seen)) == 7 * 6  # any frame may be chosen


def test_a_smaller_last_batch():
    x, y = feed()[2]
    assert len(x) == len(y) == 1
    assert len(feed(batch_size=7)) == 1
    assert len(feed(batch_size=8)) == 1


def noise(*shape):
    return np.random.default_rng(2).uniform(0, 255, (7, *shape))


SPECTROGRAMS = noise(8, 12, 2).astype(np.float32)
FRAMES = noise(5, 8, 8, 3).astype(np.uint8)


FLIPS = FrameAugmentationOptions(flip=True)


class Spectrograms:
    """Seven clips of noise: their samples, and what a feed makes of them, done by hand."""

    augmentation = MASKS
    count = 7

    def samples(self, *augmentation):
        return SpectrogramSamples(list(SPECTROGRAMS), *augmentation)

    def take(self, indices, rng):
        return SPECTROGRAMS[indices], LABELS[indices]

    def augment(self, taken, rng):
        bands = draw_stretches(rng, len(taken), size=8, count=1, max_width=3)
        frames = draw_stretches(rng, len(taken), size=12, count=2, max_width=4)
        return mask(taken, bands=bands, frames=frames)


class Frames:
    """The same for two of five frames a clip: one of the first two, one of the last three."""

    augmentation = WINDOWS
    count = 14

    def samples(self, *augmentation):
        return FrameSamples(list(FRAMES), 2, *augmentation)

    def take(self, indices, rng):
        clips, slots = np.divmod(indices, 2)
        drawn = rng.integers(np.where(slots, 2, 0), np.where(slots, 5, 2))
        return FRAMES[clips, drawn].astype(np.float32), LABELS[clips]

    def augment(self, taken, rng):
        windows = draw_windows(rng, len(taken), size_px=8, min_fraction=0.5)
        return flip(crop(taken, windows), draw_flips(rng, len(taken), probability=0.5))


@pytest.fixture(params=[Spectrograms(), Frames()], ids=["spectrograms", "frames"])
def kind(request):
    return request.param


def written_down(kind, augment, epoch):
    """The batches of seed 5: samples are drawn, weights, partners, and then what varies them."""
    order = np.random.default_rng([5, epoch]).permutation(kind.count)
    for index in range(-(-kind.count // 3)):
        rng = np.random.default_rng([5, epoch, index + 1])
        taken, classes = kind.take(order[3 * index : 3 * index + 3], rng)
        weights = rng.random(len(taken), dtype=np.float32)
        partners = rng.permutation(len(taken))
        varied, one_hot = augment(taken, rng), np.eye(3, dtype=np.float32)[classes]
        w, v = weights.reshape(-1, 1, 1, 1), weights.reshape(-1, 1)
        yield (
            w * varied + (1 - w) * varied[partners],
            v * one_hot + (1 - v) * one_hot[partners],
        )


def written_down_in_doubles(augmentation):
    """The first batch of frames, mixed in double precision, pixel by pixel of each pair."""
    rng = np.random.default_rng([5, 0, 1])
    order = np.random.default_rng([5, 0]).permutation(14)[:3]
    taken, _ = Frames().take(order, rng)
    weights, partners = rng.random(3, dtype=np.float32), rng.permutation(3)
    fraction = augmentation.crop_min_fraction
    windows = draw_windows(rng, 3, size_px=8, min_fraction=fraction)
    flipped = draw_flips(rng, 3, probability=0.5 if augmentation.flip else 0)
    varied = flip(crop(taken, windows), flipped).astype(np.float64)
    pairs = zip(weights.astype(np.float64), varied, varied[partners], strict=True)
    return np.stack([w * one + (1 - w) * other for w, one, other in pairs])


@pytest.mark.parametrize(
    "augmentation",
    [FrameAugmentationOptions(), FLIPS, FrameAugmentationOptions(crop_min_fraction=0.5), WINDOWS],
    ids=["off", "flip", "crop", "both"],
)
def test_bytes_are_varied_and_mixed_as_if_they_were_doubles(augmentation):
    x, _ = feed(Frames().samples(augmentation))[0]
    np.testing.assert_allclose(x, written_down_in_doubles(augmentation), rtol=0, atol=1e-4)


def test_threads_that_take_batches_together_get_the_same(kind):
    one_feed = feed(kind.samples(kind.augmentation))
    expected = batches(one_feed)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one_feed.__getitem__, [*range(len(one_feed))] * 8))
    assert_same_bytes(found, expected * 8)


def assert_same_bytes(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert [part.dtype for part in one] == [np.float32, np.float32]
        assert [part.tobytes() for part in one] == [part.tobytes() for part in other]


@pytest.mark.parametrize("epoch", [0, 2])
def test_without_augmentation_batches_are_only_taken_and_mixed(kind, epoch):
    for off in ((), (type(kind.augmentation)(),)):
        one_feed = feed(kind.samples(*off))
        one_feed.start_at(epoch)
        expected = written_down(kind, lambda taken, rng: taken, epoch)
        assert_same_bytes(batches(one_feed), expected)


@pytest.mark.parametrize("epoch", [0, 2])
def test_samples_are_augmented_before_they_are_mixed(kind, epoch):
    one_feed = feed(kind.samples(kind.augmentation))
    one_feed.start_at(epoch)
    assert_same_bytes(batches(one_feed), written_down(kind, kind.augment, epoch))


def test_augmentation_changes_samples_and_no_labels(kind):
    plain, varied = feed(kind.samples()), feed(kind.samples(kind.augmentation))
    for (x, y), (varied_x, varied_y) in zip(batches(plain), batches(varied), strict=True):
        assert y.tobytes() == varied_y.tobytes()
        assert x.shape == varied_x.shape
        assert not np.array_equal(x, varied_x)


def test_an_augmented_batch_is_decided_by_seed_epoch_and_index(kind):
    first, resumed = (feed(kind.samples(kind.augmentation)) for _ in range(2))
    for _ in range(2):
        batches(first)
        first.on_epoch_end()
    resumed.start_at(2)
    resumed[1]  # asked for before the first
    assert_same_bytes(batches(first), batches(resumed))


def test_validation_is_never_augmented(kind):
    plain, told = kind.samples(), kind.samples(kind.augmentation)
    assert_same_bytes(batches(feed(told, seed=None)), batches(feed(plain, seed=None)))


def test_embeddings_are_never_augmented():
    samples = EmbeddingSamples({"aud_mel": noise(4)})
    taken = samples.take(np.arange(3), None)
    assert samples.augment(taken, np.random.default_rng(0)) is taken


@pytest.mark.parametrize(("shares", "sizes"), [(1, [4, 3]), (2, [4, 2]), (4, [4])])
def test_each_batch_divides_among_the_devices(shares, sizes):
    shared = feed(batch_size=4, shares=shares)
    assert len(shared) == len(sizes)
    assert [len(x) for x, _ in batches(shared)] == sizes
    whole = feed(batch_size=4)
    np.testing.assert_array_equal(shared.indices(0), whole.indices(0))


def test_what_an_epoch_leaves_out_another_takes():
    shared = feed(batch_size=4, shares=4)
    seen = set()
    for epoch in range(10):
        shared.start_at(epoch)
        seen.update(shared.indices(0).tolist())
    assert seen == set(range(7))


def test_fewer_samples_than_devices_are_refused():
    with pytest.raises(InputError, match="as devices, 8"):
        feed(shares=8)
