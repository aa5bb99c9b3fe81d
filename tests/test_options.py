import copy
import hashlib
import importlib.util
from pathlib import Path

import librosa
import pytest
from omegaconf import OmegaConf
from pydantic import ValidationError

from avsc_kedro import options, paper
from avsc_kedro.errors import InputError
from avsc_kedro.hooks import check_parameters
from avsc_kedro.options import (
    AudioBackboneOptions,
    AudioOptions,
    ClipsOptions,
    CqtOptions,
    ExtractionOptions,
    FeaturesOptions,
    FrameAugmentationOptions,
    FusionOptions,
    MixupOptions,
    Options,
    SpectrogramAugmentationOptions,
    StftOptions,
    TrainingOptions,
    VisualBackboneOptions,
)

CONF_BASE = Path(__file__).resolve().parents[1] / "conf" / "base"

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


EXTRACTION = {"workers": None, "clips_per_shard": 2}


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
        (("cqt", {"bins_per_octave": 14}), {"cqt"}),
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
        (ExtractionOptions, {**EXTRACTION, "clips_per_shard": 0}),
        (ExtractionOptions, {**EXTRACTION, "max_failed_fraction": 1.5}),
        (MixupOptions, {"distribution": "normal"}),
        (SpectrogramAugmentationOptions, {"time_masks": -1, "time_mask_frames": 3}),
        (SpectrogramAugmentationOptions, {"band_masks": 0.5, "band_mask_bands": 3}),
        (FrameAugmentationOptions, {"crop_min_fraction": 0}),
        (FrameAugmentationOptions, {"crop_min_fraction": 1.1}),
        (FrameAugmentationOptions, {"flip": 0.5}),
        (ClipsOptions, {"data_set": "../elsewhere"}),
        (ClipsOptions, {"validation_fraction": 1.0}),
    ],
)
def test_values_out_of_range_are_refused(group, keys):
    with pytest.raises(ValidationError):
        group(**keys)


def test_options_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        MixupOptions(distribution="beta").alpha = 1.0


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


@pytest.fixture(scope="module")
def base():
    """The parameters of conf/base as plain data."""
    merged = OmegaConf.merge(*(OmegaConf.load(p) for p in CONF_BASE.glob("parameters*.yml")))
    merged.data_root = "data"
    return OmegaConf.to_container(merged, resolve=True)


def with_value(parameters, key, value):
    result = copy.deepcopy(parameters)
    *groups, last = key.split(".")
    group = result
    for name in groups:
        group = group[name]
    group[last] = value
    return result


def test_conf_base_is_accepted(base):
    assert check_parameters(base).fusion == "f4"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data_root", "", "data_root: String should have at least 1 character"),
        ("seed", -1, "seed: Input should be greater than or equal to 0. Received -1"),
        ("seed", 2**32, "seed: Input should be less than 4294967296"),
        ("seed", True, "seed: Input should be a valid integer. Received True"),
        ("refit", "off", "refit: Input should be a valid boolean. Received 'off'"),
        ("clips.seed", -3, "clips.seed: Input should be greater than or equal to 0"),
        ("clips.data_set", ".", "clips: Expected data_set to name a folder other than"),
        ("clips.data_set", "..", "Received ... Choose another name"),
        ("embedded.seed", -1, "embedded.seed: Input should be"),
        ("embedded.frame_size_px", 127, "embedded.frame_size_px: Input should be a multiple of 2"),
        ("features.audio.duration_s", float("inf"), "Input should be a finite number"),
        ("features.audio.duration_s", 0.1, "Expected stft.window_length <= stft.n_fft <= 3200"),
        ("features.stft.window_length", 5000, "Received window_length 5000 and n_fft 4096"),
        ("features.stft.hop_length", 80_000, "at least 5 spectrogram frames a clip. Received 4"),
        ("features.mel.fmax_hz", 16_001, "Expected mel.fmin_hz < mel.fmax_hz <= 16000"),
        ("features.mel.fmin_hz", 16_000, "Received fmin_hz 16000 and fmax_hz 16000"),
        ("features.gam.fmax_hz", 5, "Change gam.fmin_hz or gam.fmax_hz"),
        ("features.cqt.bins_per_octave", 12, "Lower cqt.bands or cqt.fmin_hz"),
        ("features.rgb.size_px", 74, "Expected features.rgb.size_px of at least 75"),
        ("backbones.aud_mel.widths", [8, 8, 8, 9], "aud_mel.widths: Expected four positive"),
        ("backbones.vis_inc.weights", "imagnet", "vis_inc.weights: Expected imagenet, none or an"),
        ("backbones.vis_conv.weights", "/nowhere.h5", "no file /nowhere.h5. Correct the path"),
        (
            "backbones.vis_conv.weights",
            __file__,
            "Expected a file ending in .h5, the stock layout,",
        ),
        ("backbones.vis_inc.weights_sha256", "a" * 63, "Expected 64 hexadecimal digits, or null"),
        (
            "backbones.vis_inc.weights_sha256",
            "a" * 64,
            "vis_inc: Expected weights_sha256 only where weights is a file. Received weights none.",
        ),
        ("backbones.vis_conv.frames_per_clip", 5, "of at most 4, the frames that"),
        (
            "backbones.aud_mel.augmentation.time_masks",
            2,
            "aud_mel.augmentation: Expected time_masks and time_mask_frames both above 0, "
            "or both 0 for none. Received time_masks 2 and time_mask_frames 0. Set the other one",
        ),
        (
            "backbones.aud_gam.augmentation",
            {"time_masks": 1, "time_mask_frames": 309},
            "Expected backbones.aud_gam.augmentation.time_mask_frames below 309, the frames of its "
            "spectrograms. Received 309. Lower it.",
        ),
        (
            "backbones.aud_cqt.augmentation",
            {"band_masks": 1, "band_mask_bands": 200},
            "Expected backbones.aud_cqt.augmentation.band_mask_bands below 128, the bands of its",
        ),
        (
            "backbones.aud_mel.augmentation.flip",
            True,
            "aud_mel.augmentation.flip is not a parameter. Expected one of: band_mask_bands, "
            "band_masks, time_mask_frames, time_masks",
        ),
        (
            "backbones.vis_inc.augmentation.time_masks",
            1,
            "vis_inc.augmentation.time_masks is not a parameter. Expected one of: crop_min",
        ),
        (
            "backbones.vis_inc.augmentation.crop_min_fraction",
            80,
            "vis_inc.augmentation.crop_min_fraction: Input should be less than or equal to 1",
        ),
    ],
)
def test_wrong_values_stop_before_any_work(base, key, value, said):
    with pytest.raises(InputError) as caught:
        check_parameters(with_value(base, key, value))
    heading, problem, next_step = str(caught.value).split("\n")
    assert heading == "Parameters that cannot be used:"
    assert said in problem
    assert next_step.strip() == "Change them in conf/ or with --params KEY=VALUE."


def test_only_the_embedded_set_is_called_embedded():
    assert ClipsOptions(data_set="embedded").data_set_name == "embedded"
    for name in ("embedded", "Embedded"):
        with pytest.raises(ValidationError, match="other than"):
            ClipsOptions(path="/my/videos", data_set=name)


def visual_options(**changes):
    defaults = {
        "training": TRAINING,
        "batch_norm_momentum": 0.9,
        "head_dropout": 0.2,
        "frames_per_clip": 1,
    }
    return VisualBackboneOptions(**{**defaults, **changes})


@pytest.mark.parametrize("weights", ["imagenet", "none", "~/w.h5", "w.h5", "w.keras"])
def test_weights_are_a_word_or_a_file(tmp_path, monkeypatch, weights):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("w.h5", "w.keras"):
        (tmp_path / name).touch()
    assert visual_options(weights=weights).weights == weights.replace("~", str(tmp_path))


def test_a_digest_goes_with_a_file(tmp_path):
    path = tmp_path / "w.h5"
    path.touch()
    for digest in ("0" * 64, "aB" * 32):
        assert visual_options(weights=str(path), weights_sha256=digest).weights_sha256 == digest
    for digest in ("0" * 65, "g" * 64, "0" * 64 + "\n"):
        with pytest.raises(ValidationError, match="Expected 64 hexadecimal digits"):
            visual_options(weights=str(path), weights_sha256=digest)


def test_the_folder_of_a_networks_versions_is_no_file(tmp_path):
    folder = tmp_path / "model.keras"
    for version in ("2026-01-02", "2026-01-01"):
        (folder / version).mkdir(parents=True)
        (folder / version / "model.keras").touch()
    with pytest.raises(ValidationError) as caught:
        visual_options(weights=str(folder))
    assert f"Name the file in it, such as {folder}/2026-01-02/model.keras." in str(caught.value)
    assert visual_options(weights=f"{folder}/2026-01-02/model.keras")
    with pytest.raises(ValidationError, match=r"which is a folder\. Name a file\."):
        visual_options(weights=str(tmp_path))


@pytest.mark.parametrize("numbers", [(128, 16.35, 13), (40, 100.0, 6), (2, 3000.0, 1)])
def test_the_constant_q_bands_end_where_librosa_says(numbers):
    bands, fmin_hz, bins_per_octave = numbers
    frequencies = librosa.cqt_frequencies(bands, fmin=fmin_hz, bins_per_octave=bins_per_octave)
    _, cutoff_hz = librosa.filters.wavelet_lengths(freqs=frequencies, sr=32_000)
    found = CqtOptions(bands=bands, fmin_hz=fmin_hz, bins_per_octave=bins_per_octave).top_hz
    assert found == pytest.approx(cutoff_hz)
    assert librosa.filters.window_bandwidth("hann") == options.features.HANN_BANDWIDTH_BINS


def test_defaults_are_those_of_conf_base(base):
    assert ClipsOptions().model_dump() == base["clips"]
    mixup = base["backbones"]["aud_mel"]["training"]["mixup"]
    assert MixupOptions(distribution="beta").model_dump() == mixup
    failed = ExtractionOptions(**EXTRACTION).max_failed_fraction
    assert failed == base["extraction"]["max_failed_fraction"]
    for given, group in (
        (base["backbones"]["aud_mel"], AudioBackboneOptions),
        (base["backbones"]["vis_inc"], VisualBackboneOptions),
        (base["fusion_layer"], FusionOptions),
    ):
        needed = {key for key, field in group.model_fields.items() if field.is_required()}
        made = group(**{key: given[key] for key in needed}).model_dump()
        assert {k: made[k] for k in made.keys() - needed} == {
            k: given[k] for k in given.keys() - needed
        }


@pytest.mark.parametrize("env", ["base", "paper", "test"])
def test_only_the_laptop_s_environment_augments(base, env):
    found = OmegaConf.create(base)
    for path in (CONF_BASE.parent / env).glob("parameters*.yml"):
        found = OmegaConf.merge(found, OmegaConf.load(path))
    backbones = check_parameters(OmegaConf.to_container(found, resolve=True)).backbones
    assert all(getattr(backbones, name).augmentation.is_off for name in paper.BRANCH_NAMES)


def test_masks_may_take_all_but_one(base):
    widest = {"time_masks": 1, "time_mask_frames": 308, "band_masks": 2, "band_mask_bands": 127}
    changed = with_value(base, "backbones.aud_mel.augmentation", widest)
    assert not check_parameters(changed).backbones.aud_mel.augmentation.is_off


def training(**changes):
    given = {"epochs": 1, "batch_size": 8, "learning_rate": 0.1, "l2_lambda": 0.0}
    return TrainingOptions(**given, mixup=MixupOptions(distribution="none"), **changes)


def test_a_batch_goes_through_in_equal_parts():
    assert training(accumulation_steps=4).step_size == 2
    with pytest.raises(ValidationError, match="that 3 accumulation_steps divide"):
        training(accumulation_steps=3)


def test_devices_share_what_goes_through_at_a_time(base):
    two = with_value(base, "compute.devices", 2)
    check_parameters(two)
    uneven = with_value(two, "backbones.vis_inc.training.batch_size", 15)
    with pytest.raises(InputError, match=r"vis_inc.*batch_size that compute.devices, 2, divides"):
        check_parameters(uneven)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("compute.precision", "mixed_float16"),
        ("compute.xla", True),
        ("backbones.aud_gam.training.accumulation_steps", 2),
    ],
)
def test_what_several_devices_cannot_do_is_refused(base, key, value):
    one = with_value(base, key, value)
    check_parameters(one)
    with pytest.raises(InputError, match="with several devices"):
        check_parameters(with_value(one, "compute.devices", 2))


def test_tensorboard_that_is_not_installed_is_said(base, monkeypatch):
    logged = with_value(base, "backbones.aud_mel.training.tensorboard", True)
    check_parameters(logged)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"avsc_kedro\[tensorboard\]"):
        check_parameters(logged)


@pytest.mark.parametrize("option", [{"head_epochs": 1}, {"freeze_batch_norm": True}])
def test_random_weights_are_not_fine_tuned(base, option):
    tuned = with_value(base, "backbones.vis_inc.fine_tuning", option)
    with pytest.raises(InputError, match="pretrained weights for fine_tuning"):
        check_parameters(tuned)
    check_parameters(with_value(tuned, "backbones.vis_inc.weights", "imagenet"))


def test_layer_scale_is_convnext_s(base):
    check_parameters(with_value(base, "backbones.vis_conv.layer_scale", 0.5))
    with pytest.raises(InputError, match="InceptionV3 has none"):
        check_parameters(with_value(base, "backbones.vis_inc.layer_scale", 0.5))


def test_a_fusion_writes_no_logs(base):
    with pytest.raises(InputError, match="tensorboard: false"):
        check_parameters(with_value(base, "fusion_layer.training.tensorboard", True))
