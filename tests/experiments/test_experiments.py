"""Experiments: run small, stopped and resumed; and what is recorded."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from srtheory import experiments
from srtheory.data import photograph
from srtheory.experiments import base
from srtheory.experiments.base import BICUBIC, CONTROL, METRICS, RECORDED, SCALES, START, Experiment, Result, Row
from srtheory.experiments.decloss_ablation import OURS, brought_to, contrast, unsharp
from srtheory.experiments.decloss_ablation import arms as ablation_arms
from srtheory.metrics import psnr
from srtheory.training import Decloss

NAMES = list(experiments.listed())
SMALL = replace(
    SCALES["smoke"],
    first={"network": "edsr-tiny", "crop": 32, "batch": 2, "steps": 3, "learning_rate": 2e-3},
    second={"network": "edsr-tiny", "crop": 32, "batch": 2, "steps": 2, "learning_rate": 2e-4},
    seeds=2,
    pictures=2,
)
ARMS = {
    CONTROL: {"decloss_weight": 0.0},
    "L1 + DEC": {"decloss_weight": 1e-2},
    "L1 + VGG": {"decloss_weight": 0.0, "perceptual_weight": 1.0},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("astronaut", "chelsea", "coffee"):
        pixels = (photograph(name)[:, 40:104, 100:164] * 255).round().byte().movedim(0, -1).numpy()
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(base.SCALES, "smoke", SMALL)
    return Experiment("small", "two arms", lambda scale: dict(ARMS))


def run(experiment, pictures, out, **more):
    lines = []
    result = base.run(experiment, "smoke", [pictures], [pictures], out, device="cpu", say=lines.append, **more)
    return result, lines


def test_run_measures_every_arm_and_seed(small, pictures, tmp_path):
    result, lines = run(small, pictures, tmp_path)
    assert result.arms == [BICUBIC, START, CONTROL, "L1 + DEC"]
    assert result.not_tested == {"L1 + VGG": "weights of VGG-19 (give --vgg FILE)"}
    for arm in result.arms:
        for metric in METRICS:
            assert result.values(arm, metric).shape == (1 if arm == BICUBIC else 2, 2)
            assert np.isfinite(result.values(arm, metric)).all()
    assert len(lines) == 6
    assert result.origin["train"]["pictures"] == 3
    assert [one["pictures"] for one in result.origin["test"]] == [2]
    assert result.origin["seeds"] == 2
    again = Result.read(tmp_path / "small.json")
    assert again.arms == result.arms
    for arm in result.arms:
        np.testing.assert_allclose(again.values(arm, "psnr"), result.values(arm, "psnr"), rtol=1e-4)
    assert "tmp" not in (tmp_path / "small.json").read_text()


def test_second_call_trains_nothing_and_says_the_same(small, pictures, tmp_path):
    first, _ = run(small, pictures, tmp_path)
    second, lines = run(small, pictures, tmp_path)
    assert lines == []
    assert second.rows == first.rows


def test_budget_pauses_and_the_next_call_goes_on(small, pictures, tmp_path):
    result, lines = run(small, pictures, tmp_path, budget=1e-6)
    assert result is None
    assert lines[-1] == "the budget is spent; the same command goes on from here"
    assert not (tmp_path / "small.json").exists()
    whole, _ = run(small, pictures, tmp_path)
    alone, _ = run(small, pictures, tmp_path / "alone")
    assert [row.values for row in whole.rows] == [row.values for row in alone.rows]


def test_other_test_pictures_are_refused(small, pictures, tmp_path):
    run(small, pictures, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (64, 64), "gray").save(other / "gray.png")
    with pytest.raises(ValueError, match="was measured on other pictures; give the same --test, or another --out"):
        base.run(small, "smoke", [pictures], [other], tmp_path, device="cpu", say=lambda line: None)


def made_up():
    values = {
        ("a", 0): [1.0, 2.0, 3.0],
        ("a", 1): [2.0, 3.0, 4.0],
        ("b", 0): [0.0, 2.5, 2.0],
        ("b", 1): [1.0, 3.5, 5.0],
        ("bicubic", 0): [1.0, 1.0, 1.0],
    }
    rows = [Row(arm, seed, {"psnr": x}) for (arm, seed), x in values.items()]
    return Result("name", "text", "demo", rows, {"c": "weights"}, {})


def test_statistics_by_hand():
    result = made_up()
    assert result.mean("a", "psnr") == (2.5, pytest.approx(math.sqrt(0.5)))
    mean, spread, share = result.against("a", "b", "psnr")
    by_seed = [np.mean([1.0, -0.5, 1.0]), np.mean([1.0, -0.5, -1.0])]
    assert mean == pytest.approx(np.mean(by_seed))
    assert spread == pytest.approx(np.std(by_seed, ddof=1))
    assert share == pytest.approx(1 / 3)  # the mean differences are 1, -0.5 and 0
    assert result.against("a", "bicubic", "psnr")[0] == pytest.approx(1.5)
    assert math.isnan(result.mean("bicubic", "psnr")[1])
    assert "c        not tested: weights" in result.table(["psnr"])
    with pytest.raises(KeyError, match="name has no arm 'd'; it has a, b, bicubic"):
        result.mean("d", "psnr")


def test_interval_over_pictures():
    rng = np.random.default_rng(5)
    control, gap = rng.normal(0, 10, 400), rng.normal(0.3, 2, 400)
    rows = [Row("b", seed, {"psnr": list(control + seed)}) for seed in range(2)]
    rows += [Row("a", seed, {"psnr": list(control + seed + gap + noise)}) for seed, noise in ((0, 1.0), (1, -1.0))]
    rows += [Row("c", 0, {"psnr": list(control)})]
    result = Result("name", "text", "demo", rows, {}, {})
    low, high = result.interval("a", "b", "psnr", np.random.default_rng(0))
    half = 1.96 * gap.std(ddof=1) / 20  # paired: the pictures' own spread of 10 is not in it, nor that of the seeds
    assert low == pytest.approx(gap.mean() - half, abs=0.03)
    assert high == pytest.approx(gap.mean() + half, abs=0.03)
    assert (low, high) == result.interval("a", "b", "psnr", np.random.default_rng(0))
    narrow = result.interval("a", "b", "psnr", np.random.default_rng(0), level=0.5)
    assert low < narrow[0] < narrow[1] < high
    assert result.interval("b", "b", "psnr", rng) == (0, 0)
    assert result.interval("b", "c", "psnr", rng) == (pytest.approx(0.5), pytest.approx(0.5))
    with pytest.raises(KeyError, match="name has no arm 'd'"):
        result.interval("d", "b", "psnr", rng)
    for wrong in ({"level": 1.0}, {"level": 0.0}, {"draws": 0}):
        with pytest.raises(ValueError, match="level must lie between 0 and 1 and draws be positive"):
            result.interval("a", "b", "psnr", rng, **wrong)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", SCALES)
def test_arms_are_settings_of_the_recipe(name, preset):
    arms = experiments.EXPERIMENTS[name].arms(SCALES[preset])
    made = [Decloss(**{**SCALES[preset].second, **changes}) for changes in arms.values()]
    assert len({(recipe, arm) for recipe, arm in zip(made, arms, strict=True)}) == len(arms)
    assert any(recipe.decloss_weight == 0 for recipe in made)


def test_ablation_has_the_rows_of_both_tables():
    arms = ablation_arms(SCALES["demo"])
    assert arms["L1 + DEC"] == {"l1_weight": 1e-2, "decloss_weight": 1e-2}
    assert arms["L1 + ours"] == {**arms["L1 + DEC"], **OURS}
    v1 = Decloss(**{**SCALES["demo"].second, **arms["v1: sum + DEC"]})
    paper = Decloss.preset("paper-v1")
    for name in ("l1_weight", "l1_reduction", "decloss_weight", "anchor", "enhancement", "threshold", "t_pos", "t_neg"):
        assert getattr(v1, name) == getattr(paper, name)


def test_controls_reach_the_psnr_that_is_asked_for():
    hr = photograph("astronaut")[:, :96, :96].float()
    soft = torch.nn.functional.avg_pool2d(hr[None], 3, 1, 1)[0]
    testing = type("Few", (), {"hr": [hr]})()
    for change in (unsharp, contrast):
        assert torch.equal(change(soft, 0.0), (soft * 255).round() / 255)
        wanted = float(psnr(soft, hr)) - 1
        amount = brought_to(testing, [soft], change, wanted)
        assert float(psnr(change(soft, amount), hr)) == pytest.approx(wanted, abs=0.05)
        assert amount > 0


def test_unsharp_by_hand():
    picture = torch.zeros(3, 15, 15)
    picture[:, 7, 7] = 0.5
    taps = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    taps /= taps.sum()
    expected = 0.5 + 0.4 * (0.5 - 0.5 * taps[3] ** 2)
    assert unsharp(picture, 0.4)[0, 7, 7].item() == pytest.approx(expected, abs=0.5 / 255)


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.json")), ids=lambda path: path.stem)
def test_recorded_results_are_whole(path):
    result = Result.read(path)
    assert result.name == path.stem
    assert result.preset in ("demo", "gpu", "paper")
    scale = SCALES[result.preset]
    arms = experiments.EXPERIMENTS[result.name].arms(scale)
    trained = [row for row in result.rows if row.arm in arms or row.arm == START]
    for arm in [START, *(arm for arm in arms if arm not in result.not_tested)]:
        assert sorted(row.seed for row in trained if row.arm == arm) == list(range(scale.seeds)), arm
    for row in trained:
        assert row.settings == arms.get(row.arm, {})
    count = sum(one["pictures"] for one in result.origin["test"])
    assert all(len(values) == count for row in result.rows for values in row.values.values())
    assert set(result.origin) >= {"train", "test", "device", "seconds", "commit", "torch", "date", "seeds", "steps"}
    assert json.loads(json.dumps(result.origin["first"])) == dict(scale.first)
    assert json.loads(json.dumps(result.origin["second"])) == dict(scale.second)


ROWS = [
    ("name", lambda: experiments.get("decloss"), ValueError, "there is no experiment 'decloss'; there are"),
    (
        "preset",
        lambda: experiments.get(NAMES[0], "large"),
        ValueError,
        "preset must be recorded, smoke, demo, gpu, paper",
    ),
    ("folders", lambda: experiments.get(NAMES[0], "demo", data=["x"]), ValueError, "must be told folders to run"),
    (
        "pictures",
        lambda: experiments.get(NAMES[0], "demo", data=["nowhere"], test=["nowhere"], out="x"),
        NotADirectoryError,
        "nowhere is not a folder",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_missing_recording_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(experiments, "RECORDED", tmp_path)
    with pytest.raises(FileNotFoundError, match="has no recorded result; run it"):
        experiments.get(NAMES[0])
