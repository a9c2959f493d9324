"""The rooms of the house: which may import which, what each offers, and how light the front door is."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "srtheory"
MAY_IMPORT = {
    "cli": {"experiments", "training", "losses", "models", "data", "degradations", "metrics", "operators", "plots"},
    "experiments": {"training", "losses", "models", "data", "degradations", "metrics", "operators", "coo", "plots"},
    "training": {"losses", "models", "data", "degradations", "metrics", "operators"},
    "losses": {"operators"},
    "models": {"operators"},
    "data": {"operators"},
    "degradations": {"operators"},
    "metrics": {"data", "operators"},  # data: folders of pictures are measured
    "coo": {"operators"},
    "operators": set(),
    "plots": set(),
}
PUBLIC = {
    "srtheory.operators": ["BlurDownsample", "LinearOperator", "MatrixOperator", "Resize", "resize_matrix"],
    "srtheory.coo": [
        "GaussianPosterior",
        "MLP",
        "TwoGaussians",
        "coordinate_median",
        "discrete_entropy",
        "entropy_power_bound",
        "expected_norm",
        "fit_mlp",
        "gaussian_entropy",
        "geometric_median",
        "heaviest_point",
        "mean_center",
        "null_basis",
        "segment_function",
    ],
    "srtheory.losses": [
        "DECLoss",
        "HighFrequencyEnhancement",
        "PerceptualLoss",
        "RelativisticGANLoss",
        "decloss",
        "ragan_discriminator_loss",
        "ragan_generator_loss",
    ],
    "srtheory.models": ["ConsistentSR", "EDSR", "RRDBNet", "VGGDiscriminator"],
    "srtheory.metrics": [
        "Icoo",
        "Score",
        "Spectrum",
        "compare_folders",
        "gradient_distance",
        "icoo",
        "lpips",
        "psnr",
        "radial_spectrum",
        "sliced_wasserstein",
        "spectrum_distance",
        "spectrum_gap",
        "ssim",
        "wavelet_distance",
    ],
    "srtheory.data": [
        "CATALOGUE",
        "PHOTOGRAPHS",
        "PictureSet",
        "Pictures",
        "Places",
        "get_set",
        "list_pictures",
        "photograph",
        "read_picture",
    ],
    "srtheory.training": [
        "Decloss",
        "Measured",
        "NonFinite",
        "Outcome",
        "Recipe",
        "Sisr",
        "evaluate",
        "l1",
        "load_network",
        "train",
        "upscale_file",
        "upscale_tensor",
    ],
    "srtheory.experiments": ["Result", "Row", "get", "listed"],
    "srtheory.plots": ["Drawn", "Slider", "curves", "pictures", "slider"],
    "srtheory.cli": ["main"],
}
HEAVY = {"IPython", "PIL", "ipywidgets", "lpips", "matplotlib", "pandas", "scipy", "skimage", "sklearn", "torchvision"}


def imports_of(path: Path) -> set[str]:
    """The rooms of srtheory that a file imports, inside functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: import by full name"
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("srtheory.")}
    return {room for room in rooms if not room.startswith("__")}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_rooms_import_only_what_they_may():
    for path in PACKAGE.rglob("*.py"):
        room = room_of(path)
        if room == "__init__":
            assert imports_of(path) == set()
        else:
            assert imports_of(path) - {room} <= MAY_IMPORT[room], path


def test_upward_import_would_be_seen(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from srtheory import plots\n    import srtheory.training.engine\n")
    assert imports_of(bad) == {"plots", "training"}


@pytest.mark.parametrize(("room", "names"), PUBLIC.items())
def test_public_names_are_kept(room, names):
    module = importlib.import_module(room)
    assert sorted(module.__all__) == names
    assert all(getattr(module, name).__doc__ for name in names)


def test_every_room_is_listed():
    rooms = {f"srtheory.{room_of(path)}" for path in PACKAGE.rglob("*.py")} - {"srtheory.__init__"}
    assert rooms == set(PUBLIC)


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("srtheory", set()),
        ("srtheory.operators", set()),
        ("srtheory.training", {"PIL"}),  # pictures
        ("srtheory.cli", set()),  # so that --help is quick
    ],
)
def test_import_is_light(module, allowed):
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) <= allowed


def test_no_pickle_no_shell_no_unsafe_load():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for forbidden in ("import pickle", "shell=True", "os.system", "eval("):
            assert forbidden not in text, f"{path}: {forbidden}"
        assert "torch.load(" not in text or "weights_only=True" in text, path
