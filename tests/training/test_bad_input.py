"""One row for each thing that can be wrong in the settings of a run and in the call of it, and what is said then."""

import re

import pytest
import torch

from srtheory.training import Decloss, Recipe, Sisr, l1, load_network, train
from srtheory.training.engine import device_of, recipe_of, settings_of

from .runs import ARMS, SMALL

NAN, INF = float("nan"), float("inf")
SETTINGS = [
    ({"network": "srcnn"}, "network must be one of edsr-tiny, edsr-baseline, edsr-large, rrdb-tiny, rrdb-esrgan, not"),
    ({"scale": 8}, "scale must be 2, 3 or 4, not 8"),
    ({"scale": 4.0}, "scale must be of type int, not 4.0"),
    ({"crop": 190}, "crop must be a multiple of scale=4, as 188 is, not 190"),
    ({"crop": 0}, "crop must be at least 1, not 0"),
    ({"crop": 48.0}, "crop must be of type int, not 48.0"),
    ({"crop": True}, "crop must be of type int, not True"),
    ({"batch": 0}, "batch must be at least 1, not 0"),
    ({"batch": "16"}, "batch must be of type int, not '16'"),
    ({"steps": -1}, "steps must be at least 1, not -1"),
    ({"learning_rate": 0}, "learning_rate must be positive and finite, not 0.0"),
    ({"learning_rate": NAN}, "learning_rate must be positive and finite, not nan"),
    ({"learning_rate": INF}, "learning_rate must be positive and finite, not inf"),
    ({"learning_rate": "1e-4"}, "learning_rate must be of type float, not '1e-4'"),
    ({"warmup": -5}, "warmup must be zero or more, and finite, not -5"),
    ({"seed": -1}, "seed must be zero or more, and finite, not -1"),
    ({"seed": 2**63}, "seed must be below 2**63, not 9223372036854775808"),
    ({"seed": None}, "seed must be of type int, not None"),
    ({"l1_weight": -1e-3}, "l1_weight must be zero or more, and finite, not -0.001"),
    ({"l1_weight": 0}, "l1_weight, or another weight, must be positive: there is nothing to minimize"),
    ({"l1_reduction": "median"}, "l1_reduction must be one of mean, picture, sum, not 'median'"),
    ({"perceptual_weight": NAN}, "perceptual_weight must be zero or more, and finite, not nan"),
    ({"perceptual_criterion": "l3"}, "perceptual_criterion must be one of l1, l2, norm, not 'l3'"),
    ({"gan_weight": INF}, "gan_weight must be zero or more, and finite, not inf"),
    ({"gan_weight": 1, "crop": 48}, "crop=48 must be a multiple of 32 where gan_weight is not 0"),
    ({"gan_weight": 1, "crop": 32, "batch": 1}, "batch must be at least 2 where gan_weight is not 0 and crop is 32"),
    ({"precision": "int8"}, "precision must be one of auto, float32, bfloat16, float16, float64, not 'int8'"),
    ({"channels_last": 1}, "channels_last must be of type bool, not 1"),
    ({"compile": "yes"}, "compile must be of type bool, not 'yes'"),
    ({"deterministic": None}, "deterministic must be of type bool, not None"),
    ({"log_every": 0}, "log_every must be at least 1, not 0"),
    ({"save_every": 0}, "save_every must be at least 1, not 0"),
    ({"validate_every": -1}, "validate_every must be zero or more, and finite, not -1"),
]
DECLOSS = [
    ({"decloss_weight": -1}, "decloss_weight must be zero or more, and finite, not -1.0"),
    ({"decloss_weight": 0, "l1_weight": 0}, "must be positive: there is nothing to minimize"),
    ({"patch_size": 7}, "patch_size=7 must divide crop=192"),
    ({"patch_size": 0}, "patch_size=0 must divide crop=192"),
    ({"patch_size": -8}, "patch_size=-8 must divide crop=192"),
    ({"threshold": NAN}, "threshold must be a number of dB, not nan"),
    ({"t_pos": 0}, "t_pos must be positive and finite, not 0.0"),
    ({"t_neg": INF}, "t_neg must be positive and finite, not inf"),
    ({"similarity": "ssim"}, "similarity must be one of l2, psnr, not 'ssim'"),
    ({"temperature": "room"}, "temperature must be one of outside, inside, not 'room'"),
    ({"center": "mass"}, "center must be one of none, patch, channel, not 'mass'"),
    ({"anchor": "lr"}, "anchor must be one of hr, sr, not 'lr'"),
    ({"enhancement": 1.0}, "enhancement must be of type bool, not 1.0"),
]
ROWS = [(Sisr, *row) for row in SETTINGS] + [(Decloss, *row) for row in SETTINGS[:4] + DECLOSS]


@pytest.mark.parametrize(
    ("kind", "settings", "message"), ROWS, ids=[f"{kind.NAME} {settings}" for kind, settings, _ in ROWS]
)
def test_settings(kind, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        kind(**settings)
    with pytest.raises(ValueError, match=re.escape(message)):
        kind().changed(**settings)


@pytest.mark.parametrize("kind", [Sisr, Decloss])
def test_presets(kind):
    for name in kind.PRESETS:
        recipe = kind.preset(name)
        assert recipe_of(settings_of(recipe)) == recipe
    with pytest.raises(ValueError, match="preset must be one of smoke, demo, gpu, paper, paper-v1, not 'laptop'"):
        kind.preset("laptop")
    with pytest.raises(ValueError, match=rf"{kind.NAME} has no setting 'lr'; it has network, scale, start, "):
        kind.preset("demo", lr=1e-3)
    with pytest.raises(ValueError, match=r"has no setting 'lr'"):
        kind().changed(lr=1e-3)


def test_whole_numbers_are_numbers():
    assert Sisr(learning_rate=1).learning_rate == 1.0
    assert type(Decloss(threshold=30).threshold) is float
    assert Decloss(threshold=-INF).threshold == -INF  # all pairs positive
    assert Sisr(gan_weight=1, crop=64, batch=1).batch == 1
    assert Decloss(l1_weight=0).l1_weight == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["steps=10", "learning_rate=1e-3"], {"steps": 10, "learning_rate": 1e-3}),
        (["network=edsr-tiny", "start=a=b", "vgg="], {"network": "edsr-tiny", "start": "a=b", "vgg": ""}),
        (["compile=true", "channels_last=False"], {"compile": True, "channels_last": False}),
        (["threshold=-inf", "t_pos=1"], {"threshold": -INF, "t_pos": 1.0}),
        (["steps=1", "steps=2"], {"steps": 2}),
    ],
)
def test_words(words, expected):
    found = Decloss.parsed(words)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("steps", "a setting is written key=value, not 'steps'"),
        ("", "a setting is written key=value, not ''"),
        ("=5", "sisr has no setting ''; it has network"),
        ("step=5", "sisr has no setting 'step'; it has network"),
        ("threshold=30", "sisr has no setting 'threshold'"),
        ("steps=ten", "steps must be a whole number, not 'ten'"),
        ("steps=10.5", "steps must be a whole number, not '10.5'"),
        ("steps=", "steps must be a whole number, not ''"),
        ("learning_rate=small", "learning_rate must be a number, not 'small'"),
        ("compile=yes", "compile must be true or false, not 'yes'"),
        ("compile=1", "compile must be true or false, not '1'"),
    ],
)
def test_bad_words(word, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Sisr.parsed(["steps=10", word])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "recipe must be one of sisr, decloss, not None"),
        ({"recipe": "pix2pix"}, "recipe must be one of sisr, decloss, not 'pix2pix'"),
        ({"recipe": "sisr", "patch_size": 8}, "sisr has no setting 'patch_size'"),
        ({"recipe": "decloss", "patch_size": 5}, "patch_size=5 must divide crop=192"),
    ],
)
def test_recipe_of(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        recipe_of(settings)


def trained(recipe=ARMS["sisr"], data=None, **settings):
    return lambda pictures, out: train(recipe, pictures if data is None else data, out, **settings)


CALLS = [
    ("budget of 0", trained(budget=0), ValueError, "budget must be a positive time, not 0 s; leave it out to run to"),
    ("budget below 0", trained(budget=-180.0), ValueError, "budget must be a positive time, not -180 s"),
    ("budget NaN", trained(budget=NAN), ValueError, "budget must be a positive time, not nan s"),
    ("budget infinite", trained(budget=INF), ValueError, "budget must be a positive time, not inf s"),
    ("device", trained(device="toaster"), ValueError, "device 'toaster' cannot be used here ("),
    ("device number", trained(device="cuda:99"), ValueError, "; take cpu or auto"),
    ("keep", trained(keep="cloud"), ValueError, "keep must be one of 'auto', 'device', 'memory', 'disk', not 'cloud'"),
    ("no folder", trained(data=[]), FileNotFoundError, "folder must be one folder of pictures or several, not none"),
    ("missing folder", trained(data="/nowhere"), NotADirectoryError, "/nowhere is not a folder"),
    (
        "missing start",
        trained(ARMS["sisr"].changed(start="never-trained")),
        FileNotFoundError,
        "never-trained is no run: no folder with a checkpoint.safetensors, no file of weights, and none of the shipped",
    ),
    (
        "missing weights of VGG",
        trained(ARMS["sisr"].changed(perceptual_weight=1.0, vgg="/nowhere/vgg.pth")),
        FileNotFoundError,
        "/nowhere/vgg.pth",
    ),
    (
        "large crop",
        trained(ARMS["sisr"].changed(crop=64)),
        ValueError,
        "astronaut.png is 48x52, smaller than a crop of 64x64, and so are 2 more; take smaller crops (the smallest",
    ),
    ("validation", trained(validation="/nowhere"), NotADirectoryError, "/nowhere is not a folder"),
]


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_calls(tmp_path, pictures, call, error, message):
    with pytest.raises(error) as caught:
        call(pictures, tmp_path / "run")
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()  # nothing half written


def test_a_pictures_error_comes_before_a_folder_is_made(tmp_path, pictures):
    (tmp_path / "pictures").mkdir()
    for name, content in (("text.png", b"words"), ("cut.png", (pictures / "coffee.png").read_bytes()[:3000])):
        (tmp_path / "pictures" / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}: not a readable picture, or cut off"):
            train(ARMS["sisr"], tmp_path / "pictures", tmp_path / "run")
        (tmp_path / "pictures" / name).unlink()
    with pytest.raises(FileNotFoundError, match="pictures holds no picture"):
        train(ARMS["sisr"], tmp_path / "pictures", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_run_is_a_file(tmp_path, pictures):
    (tmp_path / "run").write_text("of something else")
    with pytest.raises(OSError, match="run"):
        train(ARMS["sisr"], pictures, tmp_path / "run")
    assert (tmp_path / "run").read_text() == "of something else"


def test_load_network_of_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match="never-trained is no run"):
        load_network("never-trained")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty is no run"):
        load_network(tmp_path / "empty")
    (tmp_path / "words").write_text("no weights")
    with pytest.raises(ValueError, match="words: not a whole safetensors file"):
        load_network(tmp_path / "words")


def test_device_of():
    assert device_of("cpu") == torch.device("cpu")
    assert device_of("auto").type in ("cpu", "cuda", "mps")


def test_the_base_of_recipes_has_no_name():
    assert Recipe.NAME == ""
    assert Sisr(**SMALL).changed(steps=3) == Sisr(**{**SMALL, "steps": 3})
    with pytest.raises(AttributeError):
        Sisr().steps = 3  # settings do not change under a run


def test_l1():
    with pytest.raises(ValueError, match=r"sr has shape \(2, 3, 4, 4\), but hr \(1, 3, 4, 4\); they must be the same"):
        l1(torch.zeros(2, 3, 4, 4), torch.zeros(1, 3, 4, 4))
    with pytest.raises(ValueError, match="reduction must be one of mean, picture, sum, not 'median'"):
        l1(torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4), "median")
