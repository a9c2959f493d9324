"""The command line: what it says to strangers, and that its help comes before torch does."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from srtheory import cli
from srtheory.data import photograph
from srtheory.training.recipes import RECIPES


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("astronaut", "chelsea"):
        pixels = (photograph(name)[:, 40:168, 100:228] * 255).round().byte().movedim(0, -1).numpy()
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def said(capsys, *words):
    code = cli.main([str(word) for word in words])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_help_needs_no_torch():
    code = "import sys; from srtheory import cli; cli.main([]); print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith("False")
    for command in ("data", "train", "evaluate", "upscale", "experiment"):
        assert re.search(rf"^    {command}\b", shown, flags=re.M)


def test_help_names_what_there_is():
    shown = subprocess.run(
        [sys.executable, "-m", "srtheory.cli", "train", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for name, recipe in RECIPES.items():
        assert name in shown
        for preset in recipe.PRESETS:
            assert preset in shown


def test_train_stop_resume_evaluate_upscale(capsys, pictures, tmp_path):
    run = tmp_path / "run"
    options = ["--preset", "smoke", "--data", pictures, "--validation", pictures, "--out", run, "--device", "cpu"]
    small = ["--set", "steps=6", "batch=2", "crop=32", "log_every=2"]
    code, out, _ = said(capsys, "train", "sisr", *options, *small)
    assert code == 0
    assert "forecast: 6 steps" in out
    assert "network=edsr-tiny" in out
    assert re.search(r"step 6: PSNR-Y \d+\.\d+ dB, [+-]\d+\.\d+ against bicubic", out)
    code, _, err = said(capsys, "train", "sisr", *options, *small)
    assert code == 2
    assert f"{run} holds a run already; go on with it by --resume" in err
    code, out, _ = said(capsys, "train", "sisr", *options, *small, "--resume")
    assert code == 0
    assert "going on after step 6" in out
    table = tmp_path / "scores.csv"
    code, out, _ = said(capsys, "evaluate", "--run", run, "--data", pictures, "--csv", table)
    assert code == 0
    assert out.splitlines()[0].split() == ["PSNR", "SSIM", "bicubic"]
    assert table.read_text().splitlines()[0] == "picture,PSNR,SSIM,bicubic"
    assert len(table.read_text().splitlines()) == 3
    large = tmp_path / "large.png"
    code, out, _ = said(capsys, "upscale", pictures / "chelsea.png", "--run", run, "-o", large)
    assert code == 0
    assert out == f"{large}: 512 x 512 pixels\n"
    assert Image.open(large).size == (512, 512)


def test_evaluate_folders(capsys, pictures, tmp_path):
    for path in pictures.iterdir():
        noisy = np.asarray(Image.open(path)).astype(int) + 5
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / f"{path.stem}_x4.png")
    code, out, _ = said(capsys, "evaluate", "--sr", tmp_path, "--hr", pictures, "--suffix", "_x4")
    assert code == 0
    mean = float(next(line for line in out.splitlines() if line.startswith("mean")).split()[1])
    assert 34 < mean < 37  # 20 log10(255 / 5), and 1.3 dB for the range of luma


def test_evaluate_guesses_names(capsys, pictures, tmp_path):
    for path in pictures.iterdir():
        Image.open(path).save(tmp_path / f"{path.stem}_x4_SR.png")
    code, out, _ = said(capsys, "evaluate", "--sr", tmp_path, "--hr", pictures)
    assert code == 0
    assert out.startswith("results are taken to be named NAME_x4_SR; --prefix and --suffix say otherwise")
    assert "mean" in out
    code, _, err = said(capsys, "evaluate", "--sr", tmp_path, "--hr", pictures, "--suffix", "_x4")
    assert code == 2
    assert "names must match but for suffix='_x4'" in err


def test_evaluate_says_its_protocol_and_measures_bicubic(capsys, pictures):
    bicubic = ["evaluate", "--run", "bicubic", "--scale", "3", "--data", pictures]
    code, out, _ = said(capsys, *bicubic)
    assert code == 0
    assert out.splitlines()[0].split() == ["PSNR", "SSIM"]
    assert "protocol training" in out
    assert "up to 0.02 dB above printed tables, for which there is --protocol matlab" in out
    code, printed, _ = said(capsys, *bicubic, "--protocol", "matlab")
    assert code == 0
    assert "protocol matlab, as in printed tables" in printed
    first, second = (float(re.search(r"^mean +(\S+)", text, flags=re.M)[1]) for text in (out, printed))
    assert 0 < first - second < 0.05
    code, _, err = said(capsys, "evaluate", "--run", "tiny", "--scale", "3", "--data", pictures)
    assert code == 2
    assert "--scale is for --run bicubic; tiny enlarges 4 times" in err


def test_evaluate_help_names_the_protocols(capsys):
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "up to 0.02 dB above printed tables" in shown
    assert "8-bit luma, gray files as one channel" in shown


def test_a_folder_of_folders_says_which_hold_pictures(capsys, pictures, tmp_path):
    (tmp_path / "set" / "HR").mkdir(parents=True)
    Image.open(pictures / "chelsea.png").save(tmp_path / "set" / "HR" / "a.png")
    code, _, err = said(capsys, "evaluate", "--run", "tiny", "--data", tmp_path)
    assert code == 2
    assert f"its folders are not searched, and {tmp_path / 'set' / 'HR'} would do" in err


def test_upscale_folder_goes_on_after_a_bad_file(capsys, pictures, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    Image.open(pictures / "astronaut.png").crop((0, 0, 16, 16)).save(source / "a.png")
    (source / "b.png").write_text("no picture")
    code, out, err = said(capsys, "upscale", source, "-o", tmp_path / "out")
    assert code == 2
    assert "a.png: 64 x 64 pixels" in out
    assert "b.png: not a readable picture" in err
    assert "1 of 2 pictures were left out" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_upscale_folder_keeps_pictures_of_one_name_apart(capsys, pictures, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for name in ("a.png", "a.bmp", "b.png"):
        Image.open(pictures / "astronaut.png").crop((0, 0, 16, 16)).save(source / name)
    assert said(capsys, "upscale", source, "-o", tmp_path / "out")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.bmp.png", "a.png.png", "b.png"]


def test_out_that_is_a_file(capsys, pictures, tmp_path):
    (tmp_path / "run").write_text("a file")
    code, _, err = said(capsys, "train", "sisr", "--preset", "smoke", "--data", pictures, "--out", tmp_path / "run")
    assert code == 2
    assert "run is a file; a run takes a folder" in err


def test_list_of_sets_and_experiments(capsys):
    assert "bsds500" in said(capsys, "data", "list")[1]
    assert "decloss-ablation" in said(capsys, "experiment", "list")[1]


ROWS = [
    ("recipe", ["train", "edsr", "--data", ".", "--out", "run"], "there is no recipe 'edsr'; there are sisr, decloss"),
    (
        "preset",
        ["train", "sisr", "--preset", "huge", "--data", ".", "--out", "run"],
        "preset must be one of smoke, demo, gpu, paper, paper-v1, not 'huge'",
    ),
    (
        "setting",
        ["train", "sisr", "--data", ".", "--out", "run", "--set", "learning=1"],
        "sisr has no setting 'learning'; it has network, scale,",
    ),
    (
        "value",
        ["train", "sisr", "--data", ".", "--out", "run", "--set", "steps=many"],
        "steps must be a whole number, not 'many'",
    ),
    ("no value", ["train", "sisr", "--data", ".", "--out", "run", "--set", "steps"], "a setting is written key=value"),
    ("no folder", ["train", "sisr", "--data", "nowhere", "--out", "run"], "nowhere is not a folder"),
    ("empty folder", ["train", "sisr", "--data", ".", "--out", "run"], ". holds no picture"),
    ("device", ["train", "sisr", "--data", ".", "--out", "run", "--device", "tpu"], "device 'tpu' cannot be used here"),
    ("start", ["train", "decloss", "--data", ".", "--out", "run", "--set", "start=x"], "x is no run"),
    ("run", ["evaluate", "--run", "nothing", "--data", "."], "nothing is no run: no folder with a checkpoint"),
    ("halves", ["evaluate", "--run", "tiny"], "evaluate takes --run RUN --data DIR, or --sr DIR --hr DIR"),
    ("both", ["evaluate", "--run", "r", "--data", ".", "--sr", ".", "--hr", "."], "evaluate takes --run RUN"),
    (
        "csv",
        ["evaluate", "--run", "tiny", "--data", ".", "--csv", "no/x.csv"],
        "no: no such folder to write to",
    ),
    (
        "protocol in RGB",
        ["evaluate", "--run", "bicubic", "--data", ".", "--protocol", "matlab", "--channel", "rgb"],
        "protocol='matlab' compares luma",
    ),
    ("scale of folders", ["evaluate", "--sr", ".", "--hr", ".", "--scale", "2"], "--scale is for --run bicubic"),
    ("neither", ["evaluate"], "evaluate takes --run RUN"),
    ("no picture", ["upscale", "none.png", "-o", "out.png"], "none.png: no such file"),
    ("tile", ["upscale", "none.png", "-o", "out.png", "--tile", "2"], "--tile must be at least 16 LR pixels, not 2"),
    ("set", ["data", "get", "set6"], "set6"),
    ("no set", ["data", "get"], "data get takes the names of sets: set5"),
    ("experiment", ["experiment", "dec"], "there is no experiment 'dec'; there are decloss-ablation"),
    (
        "no folders",
        ["experiment", "decloss-ablation", "--preset", "smoke"],
        "decloss-ablation must be told folders to run: data",
    ),
    (
        "scale",
        ["experiment", "decloss-ablation", "--preset", "big"],
        "preset must be recorded, smoke, demo, gpu, paper, not 'big'",
    ),
]


@pytest.mark.parametrize(("words", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = said(capsys, *words)
    assert code == 2
    assert err.startswith("srtheory: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("budget", ["-3m", "-5", "0", "soon", "9 weeks"])
def test_bad_budget(capsys, budget):
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", "sisr", "--data", ".", "--out", "run", "--budget", budget])
    assert caught.value.code == 2
    assert f"a positive time such as 90s, 9m or 1.5h, not {budget!r}" in capsys.readouterr().err
