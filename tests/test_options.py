import hashlib

import pytest
from pydantic import ValidationError

from avsc_kedro import paper
from avsc_kedro.options import (
    AudioBackboneOptions,
    AudioOptions,
    ClipsOptions,
    ExtractionOptions,
    FeaturesOptions,
    MixupOptions,
    Options,
    StftOptions,
)

PAPER_FEATURES = {
    "audio": {"sample_rate_hz": 32_000, "duration_s": 10.0},
    "stft": {"n_fft": 4096, "window_length": 2560, "hop_length": 1024, "floor_power": 1e-20},
    "mel": {"bands": 128, "fmin_hz": 10.0, "fmax_hz": 16_000.0},
    "gam": {"bands": 128, "fmin_hz": 10.0, "fmax_hz": 16_000.0},
    "cqt": {"bands": 128, "fmin_hz": 16.35, "bins_per_octave": 13},
    "rgb": {"frames_per_second": 2.0, "size_px": 224},
}
TRAINING = {
    "epochs": 1,
    "batch_size": 2,
    "learning_rate": 1e-4,
    "l2_lambda": 2e-5,
    "mixup": {"distribution": "uniform"},
}


@pytest.fixture
def features():
    return FeaturesOptions(**PAPER_FEATURES)


def changed(group, **numbers):
    return FeaturesOptions(**{**PAPER_FEATURES, group: {**PAPER_FEATURES[group], **numbers}})


@pytest.mark.parametrize("kind", ["mel", "gam", "cqt"])
def test_the_papers_numbers_give_its_spectrogram_shape(features, kind):
    assert features.shape(kind) == (128, 309, 2) == paper.SPECTROGRAM_SHAPE
    assert features.dtype(kind) == "<f4"


def test_the_papers_numbers_give_its_frames(features):
    assert features.shape("rgb") == (20, 224, 224, 3) == paper.FRAMES_SHAPE
    assert features.dtype("rgb") == "|u1"


def test_no_such_kind(features):
    with pytest.raises(KeyError):
        features.shape("mfcc")


def test_a_recipe_holds_the_groups_its_kind_depends_on(features):
    assert set(features.recipe("mel")) == {"audio", "stft", "mel"}
    assert set(features.recipe("gam")) == {"audio", "stft", "gam"}
    assert set(features.recipe("cqt")) == {"audio", "stft", "cqt"}
    assert features.recipe("rgb") == {
        "rgb": {"frames_per_second": 2.0, "size_px": 224},
        "duration_s": 10.0,
    }


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (("mel", {"fmin_hz": 20.0}), {"mel"}),
        (("gam", {"bands": 64}), {"gam"}),
        (("cqt", {"bins_per_octave": 12}), {"cqt"}),
        (("rgb", {"size_px": 96}), {"rgb"}),
        (("stft", {"hop_length": 512}), {"mel", "gam", "cqt"}),
        (("audio", {"channels": "mono"}), {"mel", "gam", "cqt"}),
        (("audio", {"duration_s": 5.0}), {"mel", "gam", "cqt", "rgb"}),
    ],
)
def test_a_change_reaches_only_the_kinds_it_concerns(features, change, kinds):
    other = changed(change[0], **change[1])
    differing = {k for k in paper.FEATURE_KINDS if other.recipe(k) != features.recipe(k)}
    assert differing == kinds


def test_an_unknown_key_is_refused_in_every_group():
    def groups(cls):
        for group in cls.__subclasses__():
            yield group
            yield from groups(group)

    for group in groups(Options):
        with pytest.raises(ValidationError) as caught:
            group(no_such_key=1)
        assert any(e["type"] == "extra_forbidden" for e in caught.value.errors()), group


@pytest.mark.parametrize(
    ("group", "keys"),
    [
        (AudioOptions, {"sample_rate_hz": 0, "duration_s": 10}),
        (AudioOptions, {"sample_rate_hz": 32_000, "duration_s": 10, "channels": "left"}),
        (StftOptions, {**PAPER_FEATURES["stft"], "floor_power": 1e-10}),
        (ExtractionOptions, {"clips_per_shard": 0}),
        (ExtractionOptions, {"max_failed_fraction": 1.5}),
        (MixupOptions, {"distribution": "normal"}),
        (ClipsOptions, {"data_set": "../elsewhere"}),
        (ClipsOptions, {"validation_fraction": 1.0}),
    ],
)
def test_values_out_of_range_are_refused(group, keys):
    with pytest.raises(ValidationError):
        group(**keys)


def test_options_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        MixupOptions().alpha = 1.0


@pytest.mark.parametrize("widths", [(64, 64, 128, 100), (64, 64, 128), (0, 64, 64, 64)])
def test_widths_are_four_multiples_of_eight(widths):
    with pytest.raises(ValidationError):
        AudioBackboneOptions(
            training=TRAINING, batch_norm_momentum=0.9, head_dropout=0.2, widths=widths
        )


def test_the_embedded_set_has_its_own_name():
    for clips in (ClipsOptions(), ClipsOptions(source="embedded", path="/data/tau")):
        assert clips.is_embedded
        assert clips.data_set_name == "embedded"


def test_data_sets_are_told_apart_by_their_whole_path(tmp_path):
    names = {
        ClipsOptions(source="tau", path=path).data_set_name
        for path in ("/a/tau", "/b/tau", "/a/other", "/a/my videos")
    }
    assert len(names) == 4
    [spaced] = [name for name in names if name.startswith("my-videos-")]
    assert all(c.isalnum() or c in "._-" for c in spaced)
    same = {ClipsOptions(path=f"{tmp_path}{end}").data_set_name for end in ("", "/", "/x/..")}
    assert len(same) == 1
    assert ClipsOptions(path="/a/tau", data_set="mine").data_set_name == "mine"


def test_the_name_is_the_same_on_every_day():
    digest = hashlib.blake2b(b"/a/tau", digest_size=4).hexdigest()
    assert ClipsOptions(path="/a/tau").data_set_name == f"tau-{digest}"
