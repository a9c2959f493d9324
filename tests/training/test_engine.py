"""The loop: what it writes, that a run stopped in any way goes on as if nothing had been, and what stops it."""

import errno
import io
import json
import math
import signal
import time

import pytest
import torch

from srtheory import __version__
from srtheory.data import Pictures, list_pictures
from srtheory.models import EDSR
from srtheory.training import NonFinite, Sisr, evaluate, l1, load_network, train
from srtheory.training.checkpoint import CHECKPOINT, read_tensors, write_tensors
from srtheory.training.engine import _Run, clock, rate_at, settings_of

from .runs import ARMS, FULL, SMALL, differences, log_of, planted, rows_of, save_photographs, step_of

PLAIN = ARMS["sisr"]
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


def until_done(recipe, pictures, folder, **settings):
    """Pause after each step, and go on."""
    outcomes = [train(recipe, pictures, folder, budget=1e-9, **settings)]
    while outcomes[-1].state != "done":
        outcomes.append(train(recipe, pictures, folder, budget=1e-9, resume=True, **settings))
    return outcomes


# What is in the folder.


def test_folder_of_a_run(tmp_path, pictures):
    folder = tmp_path / "deep" / "run"
    outcome = train(PLAIN, pictures, folder, validation=pictures)
    assert {path.name for path in folder.glob("[!.]*")} == {"settings.json", "log.csv", "scores.csv", CHECKPOINT}
    assert json.loads((folder / "settings.json").read_text()) == {"recipe": "sisr", **settings_of(PLAIN)}
    log, scores = rows_of(folder / "log.csv"), rows_of(folder / "scores.csv")
    assert list(log[0]) == ["step", "seconds", "learning_rate", "l1", "gradient of net"]
    assert [int(row["step"]) for row in log] == [3, 6, 8]
    assert [int(row["step"]) for row in scores] == [0, 4, 8]
    assert list(scores[0]) == ["step", "psnr", "ssim", "bicubic"]
    assert (outcome.folder, outcome.state, outcome.step) == (folder, "done", 8)
    assert list(outcome.scores) == [0, 4, 8]
    for row in scores:
        for name, value in outcome.scores[int(row["step"])].items():
            assert abs(float(row[name]) - value) < 1e-5
    assert 0 < outcome.seconds < 60
    about = read_tensors(folder / CHECKPOINT)[1]
    assert (about["step"], about["version"], about["settings"]) == (8, __version__, settings_of(PLAIN))


def test_lines_of_the_log_are_means(tmp_path, pictures):
    seen = []
    recipe = planted(PLAIN, at=0, plant=lambda terms, sr, hr: seen.append(terms["l1"].item()))
    train(recipe, pictures, tmp_path / "run")
    means = [sum(part) / len(part) for part in (seen[:3], seen[3:6], seen[6:])]
    assert len(seen) == 8
    for row, mean in zip(rows_of(tmp_path / "run" / "log.csv"), means, strict=True):
        assert abs(float(row["l1"]) - mean) < 1e-12


def test_two_players_have_their_terms_and_gradients(undisturbed):
    row = log_of(undisturbed("gan"))[0]
    assert list(row) == [
        *("step", "learning_rate", "l1", "gan", "gradient of net", "discriminator", "gradient of discriminator")
    ]
    assert all(float(value) > 0 for value in row.values())


def test_learning_rate(tmp_path, pictures):
    recipe = PLAIN.changed(steps=9, warmup=3, log_every=1, learning_rate=2e-3)
    train(recipe, pictures, tmp_path / "run")
    rates = [float(row["learning_rate"]) for row in rows_of(tmp_path / "run" / "log.csv")]
    warm = [2e-3 * number / 4 for number in (1, 2, 3)]
    cosine = [2e-3 * (1 + math.cos(math.pi * number / 6)) / 2 for number in range(6)]
    assert rates == pytest.approx(warm + cosine, rel=1e-12)
    assert rate_at(9, recipe) == pytest.approx(0, abs=1e-18)
    assert rate_at(0, recipe.changed(warmup=0)) == 2e-3
    assert [rate_at(step, recipe.changed(steps=2, warmup=5)) for step in (0, 1)] == pytest.approx([2e-3 / 6, 2e-3 / 3])


def test_learning_rate_is_that_of_the_optimizer(tmp_path, pictures):
    """In its first step Adam moves each weight by the learning rate, wherever the gradient is not tiny."""
    recipe = PLAIN.changed(steps=1, warmup=3)
    train(recipe, pictures, tmp_path / "run")
    before, after = recipe.make_network(), load_network(tmp_path / "run")[0]
    moved = [(a - b).abs() for a, b in zip(after.parameters(), before.parameters(), strict=True)]
    assert max(one.max().item() for one in moved) == pytest.approx(1e-3 / 4, rel=1e-3)
    assert torch.cat([one.flatten() for one in moved]).median().item() == pytest.approx(1e-3 / 4, rel=1e-3)


def test_validation_is_what_evaluate_says(tmp_path, pictures, undisturbed):
    net, recipe = load_network(undisturbed("sisr"))
    assert recipe == PLAIN
    measured = evaluate(net, pictures, 2)
    last = rows_of(undisturbed("sisr") / "scores.csv")[-1]
    for name in ("psnr", "ssim", "bicubic"):
        mean = sum(getattr(one, name) for one in measured) / 3
        assert abs(float(last[name]) - mean) < 1e-5
    assert last["psnr"] != rows_of(undisturbed("sisr") / "scores.csv")[0]["psnr"]


def test_batches_are_those_of_the_seed_and_the_step(tmp_path, pictures):
    seen = []
    recipe = planted(PLAIN, at=0, plant=lambda terms, sr, hr: seen.append((255 * hr).round().byte()))
    with_pictures = Pictures(pictures)
    train(recipe, with_pictures, tmp_path / "run")
    for step, hr in enumerate(seen):
        assert torch.equal(hr, with_pictures.batch(step, 2, 16, 0, 2))
    with_pictures.close()


def test_pictures_that_were_given_stay_open(tmp_path, pictures):
    read = Pictures(pictures, keep="disk")
    train(PLAIN, read, tmp_path / "run")
    assert read.batch(1000, 2, 16, 0).shape == (2, 3, 16, 16)  # which needs the threads
    read.close()


def test_what_is_said(tmp_path, pictures):
    lines = []
    train(PLAIN, pictures, tmp_path / "run", validation=pictures, say=lines.append)
    text = "\n".join(lines)
    assert lines[0].startswith("recipe=sisr network=edsr-tiny scale=2 ")
    assert "3 pictures, kept on the device; 31,043 parameters; float32 on cpu, 1 thread" in text
    assert "forecast: 8 steps of " in text
    assert "GiB" in text
    assert "against bicubic; SSIM" in text
    assert lines[-1].startswith("done after 8 of 8 steps")
    lines.clear()
    train(PLAIN, pictures, tmp_path / "short", budget=1e-9, say=lines.append)
    assert any("; what is left of the budget, 0 s, is for about 1 of them" in line for line in lines)
    assert lines[-1].startswith("paused after 1 of 8 steps")
    assert lines[-1].endswith("go on with --resume")


def test_progress_on_a_terminal(tmp_path, pictures, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    train(PLAIN, pictures, tmp_path / "silent")
    assert terminal.getvalue() == ""
    train(PLAIN, pictures, tmp_path / "run", say=lambda line: None)
    assert "decoding pictures: " in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "sisr: " in terminal.getvalue()
    assert "8/8" in terminal.getvalue()
    assert "l1 0." in terminal.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (99.4, "99 s"), (570, "9.5 min"), (11520, "3.2 h")])
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize("arm", ["sisr", "gan", "float16"])
def test_the_forecast_leaves_no_trace(tmp_path, pictures, undisturbed, monkeypatch, arm):
    monkeypatch.setattr(_Run, "_trial", lambda run: (1.0, 0.0))
    train(ARMS[arm], pictures, tmp_path / "run", validation=pictures)
    assert differences(tmp_path / "run", undisturbed(arm)) == []


def test_seeds_differ(tmp_path, pictures, undisturbed):
    train(PLAIN.changed(seed=1), pictures, tmp_path / "run")
    assert len(differences(tmp_path / "run", undisturbed("sisr"))) > 30


def test_memory_layout_changes_nothing_but_rounding(tmp_path, pictures, undisturbed):
    train(PLAIN.changed(channels_last=False), pictures, tmp_path / "run")
    a, b = (read_tensors(folder / CHECKPOINT)[0] for folder in (tmp_path / "run", undisturbed("sisr")))
    for name in a:
        if name.startswith("net/"):
            assert (a[name] - b[name]).abs().max() < 1e-4


def test_double_precision_with_validation(tmp_path, pictures):
    outcome = train(PLAIN.changed(precision="float64"), pictures, tmp_path / "run", validation=pictures)
    assert {
        tensor.dtype for name, tensor in read_tensors(tmp_path / "run" / CHECKPOINT)[0].items() if "step" not in name
    } == {torch.float64}
    assert outcome.scores[8]["psnr"] > 10
    assert next(load_network(tmp_path / "run")[0].parameters()).dtype == torch.float32


def test_deterministic_is_for_the_run_only(tmp_path, pictures, undisturbed):
    seen = []
    recipe = planted(
        PLAIN.changed(deterministic=True),
        at=0,
        plant=lambda *_: seen.append(torch.are_deterministic_algorithms_enabled()),
    )
    train(recipe, pictures, tmp_path / "run")
    assert set(seen) == {True}
    assert not torch.are_deterministic_algorithms_enabled()
    assert differences(tmp_path / "run", undisturbed("sisr")) == ["settings"]


# Stopped and resumed.


@pytest.mark.parametrize("arm", ARMS)
def test_paused_after_each_step(tmp_path, pictures, undisturbed, arm):
    outcomes = until_done(ARMS[arm], pictures, tmp_path / "run", validation=pictures)
    assert [outcome.step for outcome in outcomes] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [outcome.state for outcome in outcomes] == ["paused"] * 7 + ["done"]
    assert differences(tmp_path / "run", undisturbed(arm)) == []
    alone = {row["step"]: row for row in rows_of(undisturbed(arm) / "scores.csv")}
    scores = rows_of(tmp_path / "run" / "scores.csv")
    assert [row["step"] for row in scores] == list("012345678")  # also at each pause
    assert {row["step"]: row for row in scores if row["step"] in alone} == alone
    assert sorted(outcomes[-1].scores) == list(range(9))


def test_seconds_add_up(tmp_path, pictures):
    train(PLAIN, pictures, tmp_path / "run", budget=1e-9)
    tensors, about = read_tensors(tmp_path / "run" / CHECKPOINT)
    assert 0 < about["seconds"] < 60
    write_tensors(tmp_path / "run" / CHECKPOINT, tensors, {**about, "seconds": 1000.0})
    assert 1000 < train(PLAIN, pictures, tmp_path / "run", resume=True).seconds < 1060
    assert all(1000 < float(row["seconds"]) < 1060 for row in rows_of(tmp_path / "run" / "log.csv"))


@pytest.mark.usefixtures("signals_as_on_a_terminal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [2, 4])  # 4: when a validation is due
def test_interrupted(tmp_path, pictures, undisturbed, number, step):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    recipe, lines = planted(PLAIN, at=step, plant=lambda *_: signal.raise_signal(number)), []
    outcome = train(recipe, pictures, tmp_path / "run", validation=pictures, say=lines.append)
    assert (outcome.state, outcome.step) == ("interrupted", step)
    assert step_of(tmp_path / "run") == step
    assert any("stopping after this step" in line for line in lines)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    outcome = train(PLAIN, pictures, tmp_path / "run", validation=pictures, resume=True)
    assert (outcome.state, outcome.step) == ("done", 8)
    assert differences(tmp_path / "run", undisturbed("sisr")) == []
    assert rows_of(tmp_path / "run" / "scores.csv") == rows_of(undisturbed("sisr") / "scores.csv")
    assert list(outcome.scores) == [0, 4, 8]


@pytest.mark.usefixtures("signals_as_on_a_terminal")
def test_interrupted_in_the_last_step_is_done(tmp_path, pictures, undisturbed):
    recipe = planted(PLAIN, at=8, plant=lambda *_: signal.raise_signal(signal.SIGINT))
    assert train(recipe, pictures, tmp_path / "run", validation=pictures).state == "done"
    assert differences(tmp_path / "run", undisturbed("sisr")) == []


@pytest.mark.usefixtures("signals_as_on_a_terminal")
def test_a_second_interrupt_ends_at_once(tmp_path, pictures, undisturbed):
    def twice(*_):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(planted(PLAIN, at=5, plant=twice), pictures, tmp_path / "run", validation=pictures)
    assert step_of(tmp_path / "run") == 3
    assert signal.getsignal(signal.SIGINT) is handler
    train(PLAIN, pictures, tmp_path / "run", validation=pictures, resume=True)
    assert differences(tmp_path / "run", undisturbed("sisr")) == []


def test_interrupted_while_it_saves(tmp_path, pictures, undisturbed, monkeypatch):
    def sync(descriptor):
        raise KeyboardInterrupt

    recipe = planted(PLAIN, at=6, plant=lambda *_: monkeypatch.setattr("os.fsync", sync))
    with pytest.raises(KeyboardInterrupt):
        train(recipe, pictures, tmp_path / "run", validation=pictures)
    monkeypatch.undo()
    assert step_of(tmp_path / "run") == 3
    assert not list((tmp_path / "run").glob("*.part"))
    train(PLAIN, pictures, tmp_path / "run", validation=pictures, resume=True)
    assert differences(tmp_path / "run", undisturbed("sisr")) == []


def test_stopped_between_checkpoint_and_validation(tmp_path, pictures, undisturbed, monkeypatch):
    def gone(*_, **__):
        raise KeyboardInterrupt

    recipe = PLAIN.changed(save_every=4)
    at_four = planted(recipe, at=4, plant=lambda *_: monkeypatch.setattr("srtheory.training.engine.evaluate", gone))
    with pytest.raises(KeyboardInterrupt):
        train(at_four, pictures, tmp_path / "run", validation=pictures)
    monkeypatch.undo()
    assert step_of(tmp_path / "run") == 4
    assert list(train(recipe, pictures, tmp_path / "run", validation=pictures, resume=True).scores) == [0, 4, 8]
    assert rows_of(tmp_path / "run" / "scores.csv") == rows_of(undisturbed("sisr") / "scores.csv")


def test_stopped_between_validation_and_checkpoint(tmp_path, pictures, monkeypatch):
    """A pause is measured, and that is saved; what was measured is not measured again if it was not."""
    saved = _Run._save

    def save(run):
        if run.step == 1 and 1 in run.scores:
            raise KeyboardInterrupt
        saved(run)

    monkeypatch.setattr(_Run, "_save", save)
    recipe = PLAIN.changed(validate_every=1)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, pictures, tmp_path / "run", validation=pictures, budget=1e-9)
    monkeypatch.undo()
    assert [row["step"] for row in rows_of(tmp_path / "run" / "scores.csv")] == ["0", "1"]
    outcome = train(recipe, pictures, tmp_path / "run", validation=pictures, resume=True)
    assert list(outcome.scores) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert [row["step"] for row in rows_of(tmp_path / "run" / "scores.csv")] == list("012345678")


def test_lines_after_the_checkpoint_and_half_lines_are_cut(tmp_path, pictures, undisturbed):
    def stop(*_):
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        train(planted(PLAIN.changed(save_every=100), at=7, plant=stop), pictures, tmp_path / "run", validation=pictures)
    log = tmp_path / "run" / "log.csv"
    assert [row["step"] for row in rows_of(log)] == ["3", "6"]
    assert step_of(tmp_path / "run") == 0
    with log.open("a") as file:
        file.write("7,0.1,0.00")
    train(PLAIN.changed(save_every=100), pictures, tmp_path / "run", validation=pictures, resume=True)
    assert log_of(tmp_path / "run") == log_of(undisturbed("sisr"))
    assert rows_of(tmp_path / "run" / "scores.csv") == rows_of(undisturbed("sisr") / "scores.csv")


@pytest.mark.parametrize("content", ["", "step,secon"])
def test_a_log_without_its_head_gets_one(tmp_path, pictures, content):
    train(PLAIN, pictures, tmp_path / "run", budget=1e-9)
    assert not (tmp_path / "run" / "log.csv").exists()
    (tmp_path / "run" / "log.csv").write_text(content)
    train(PLAIN, pictures, tmp_path / "run", resume=True)
    assert [row["step"] for row in rows_of(tmp_path / "run" / "log.csv")] == ["3", "6", "8"]


def test_a_run_that_is_done_stays_as_it_is(tmp_path, pictures, undisturbed):
    first = train(PLAIN, pictures, tmp_path / "run", validation=pictures)
    content = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    again = train(PLAIN, pictures, tmp_path / "run", validation=pictures, resume=True)
    assert (again.state, again.step) == ("done", 8)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == content
    assert list(again.scores) == list(first.scores)


def test_resume_of_nothing_begins(tmp_path, pictures, undisturbed):
    (tmp_path / "run").mkdir()
    for name in ("log.csv", "scores.csv", "not_finite.json"):
        (tmp_path / "run" / name).write_text("of a run that was killed before its first checkpoint")
    train(PLAIN, pictures, tmp_path / "run", validation=pictures, resume=True)
    assert differences(tmp_path / "run", undisturbed("sisr")) == []
    assert not (tmp_path / "run" / "not_finite.json").exists()


def test_a_checkpoint_without_a_window_is_still_resumed(tmp_path, pictures, undisturbed):
    train(PLAIN, pictures, tmp_path / "run", budget=1e-9)
    tensors, about = read_tensors(tmp_path / "run" / CHECKPOINT)
    del about["window"]
    write_tensors(tmp_path / "run" / CHECKPOINT, tensors, about)
    train(PLAIN, pictures, tmp_path / "run", resume=True)
    assert set(differences(tmp_path / "run", undisturbed("sisr"))) == {"log.csv"}


# What it refuses.


def test_an_existing_run_is_not_overwritten(tmp_path, pictures):
    train(PLAIN, pictures, tmp_path / "run", budget=1e-9)
    content = (tmp_path / "run" / CHECKPOINT).read_bytes()
    with pytest.raises(FileExistsError, match=r"run holds a run already; go on with it by --resume, or choose"):
        train(PLAIN, pictures, tmp_path / "run")
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == content


def test_other_pictures_are_refused(tmp_path, pictures):
    train(PLAIN, pictures, tmp_path / "run", budget=1e-9)
    others = save_photographs(tmp_path / "others", ("astronaut", "chelsea"))
    with pytest.raises(ValueError, match=r"run was begun on other pictures; give the same --data, or another --out"):
        train(PLAIN, others, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (PLAIN.changed(learning_rate=2e-3), "begun with learning_rate=0.001, not 0.002; resume it with the same"),
        (PLAIN.changed(network="rrdb-tiny"), "begun with network=edsr-tiny, not rrdb-tiny"),
        (ARMS["decloss"], "begun with recipe=sisr, not decloss"),
    ],
)
def test_other_settings_are_refused(tmp_path, pictures, recipe, message):
    train(PLAIN, pictures, tmp_path / "run", budget=1e-9)
    content = (tmp_path / "run" / CHECKPOINT).read_bytes()
    with pytest.raises(ValueError, match=message):
        train(recipe, pictures, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == content


def test_start_from_a_run(tmp_path, pictures, undisturbed):
    weights = load_network(undisturbed("sisr"))[0].state_dict()
    for source in (undisturbed("sisr"), undisturbed("sisr") / CHECKPOINT):
        recipe = ARMS["decloss"].changed(start=str(source))
        train(recipe, pictures, tmp_path / source.name, budget=1e-9)
        first = read_tensors(tmp_path / source.name / CHECKPOINT)[0]
        moved = max((first[f"net/{name}"] - tensor).abs().max() for name, tensor in weights.items())
        assert 0 < moved < 1.1e-3 / 3  # one step of a warm-up of two
    train(recipe, pictures, tmp_path / source.name, resume=True)  # which does not begin from there again
    assert step_of(tmp_path / source.name) == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "rrdb-tiny"}, "is missing there"),
        ({"scale": 4}, "holds the weights of another network: tail.0.2.bias is missing there"),
        ({"scale": 3}, "is (64, 16, 3, 3) there, and (144, 16, 3, 3) here; give the same network, size and scale"),
        ({"network": "edsr-baseline"}, "head.0.weight is (16, 3, 3, 3) there, and (64, 3, 3, 3) here"),
    ],
)
def test_start_from_another_network(tmp_path, pictures, undisturbed, changes, message):
    crop = 48 if changes.get("scale") == 3 else 16
    recipe = PLAIN.changed(start=str(undisturbed("sisr")), **{"crop": crop, **changes})
    with pytest.raises(ValueError, match=CHECKPOINT) as caught:
        train(recipe, pictures, tmp_path / "run")
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def cut(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize("damage", [cut, lambda content: content[:4], lambda content: b"", lambda content: b"x" * 999])
def test_a_damaged_checkpoint(tmp_path, pictures, damage):
    train(PLAIN, pictures, tmp_path / "run", budget=1e-9)
    path = tmp_path / "run" / CHECKPOINT
    path.write_bytes(damage(path.read_bytes()))
    content = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(ValueError, match=rf"{CHECKPOINT}: not a whole safetensors file"):
        train(PLAIN, pictures, tmp_path / "run", resume=True)
    with pytest.raises(ValueError, match=rf"{CHECKPOINT}: not a whole safetensors file"):
        load_network(tmp_path / "run")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == content


def test_a_checkpoint_of_another_program(tmp_path, pictures):
    (tmp_path / "run").mkdir()
    write_tensors(tmp_path / "run" / CHECKPOINT, EDSR.preset("tiny", 2).state_dict(), {})
    with pytest.raises(ValueError, match=rf"{CHECKPOINT} was not written by srtheory train"):
        train(PLAIN, pictures, tmp_path / "run", resume=True)


def test_the_validation_folder_is_looked_for_at_once(tmp_path, pictures):
    train(PLAIN, pictures, tmp_path / "run", budget=1e-9)
    with pytest.raises(NotADirectoryError, match="nowhere is not a folder"):
        train(PLAIN, pictures, tmp_path / "run", validation=tmp_path / "nowhere", resume=True)
    assert step_of(tmp_path / "run") == 1


def test_nothing_is_written_where_pictures_are_wrong(tmp_path, pictures):
    small = save_photographs(tmp_path / "small", ("astronaut",))
    for data, crop, message in (
        (tmp_path / "nowhere", 16, "nowhere is not a folder"),
        (small, 64, "smaller than a crop of 64x64"),
    ):
        with pytest.raises((OSError, ValueError), match=message):
            train(PLAIN.changed(crop=crop), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# What is not finite.


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite(tmp_path, pictures, undisturbed, value):
    recipe = planted(PLAIN, at=6, plant=lambda terms, sr, hr: terms["l1"].mul_(value))
    with pytest.raises(NonFinite) as caught:
        train(recipe, pictures, tmp_path / "run", validation=pictures)
    report = json.loads((tmp_path / "run" / "not_finite.json").read_text())
    assert (report["step"], report["term"], report["values"]["l1"]) == (5, "l1", str(value))
    paths = list_pictures(pictures)
    places = Pictures(pictures).places(5, 2, 16, 0, 2)
    assert report["batch"] == [
        {"picture": str(paths[picture]), "top": top, "left": left, "symmetry": symmetry}
        for picture, top, left, symmetry in zip(*(x.tolist() for x in places), strict=True)
    ]
    first = report["batch"][0]
    assert f"step 5: l1 is {value} (gradient of net nan)" in str(caught.value)
    assert f"has 2 crops, the first of {paths[places.picture[0]].name} at row {first['top']}" in str(caught.value)
    assert str(tmp_path / "run" / "not_finite.json") in str(caught.value)
    assert step_of(tmp_path / "run") == 3
    tensors = read_tensors(tmp_path / "run" / CHECKPOINT)[0]
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    train(PLAIN, pictures, tmp_path / "run", validation=pictures, resume=True)
    assert differences(tmp_path / "run", undisturbed("sisr")) == []


def test_a_gradient_that_is_not_finite_while_the_loss_is(tmp_path, pictures):
    def plant(terms, sr, hr):
        terms["l1"] = terms["l1"] + (sr - sr.detach()).abs().sqrt().sum()  # 0, with an infinite slope

    with pytest.raises(NonFinite, match=r"^step 1: gradient of net is nan \(l1 0\.\d+\)"):
        train(planted(PLAIN, at=2, plant=plant), pictures, tmp_path / "run")
    assert step_of(tmp_path / "run") == 0
    assert json.loads((tmp_path / "run" / "not_finite.json").read_text())["term"] == "gradient of net"


def test_the_other_player_is_watched_too(tmp_path, pictures, monkeypatch):
    recipe = ARMS["gan"]
    turns = type(recipe).turns

    def with_nan(self, players, lr, hr, losses):
        for name, terms in turns(self, players, lr, hr, losses):
            yield name, {key: value * math.nan if key == "discriminator" else value for key, value in terms.items()}

    monkeypatch.setattr(type(recipe), "turns", with_nan)
    with pytest.raises(NonFinite, match="step 0: discriminator is nan"):
        train(recipe, pictures, tmp_path / "run")


def test_half_precision_skips_overflows_but_not_forever(tmp_path, pictures):
    """The scale of 65536 overflows at first where the loss is large; a gradient that is never finite is found."""
    large = ARMS["float16"].changed(l1_weight=20.0, log_every=1)
    train(large, pictures, tmp_path / "large")
    gradients = [float(row["gradient of net"]) for row in rows_of(tmp_path / "large" / "log.csv")]
    assert not math.isfinite(gradients[0])
    assert math.isfinite(gradients[-1])

    def plant(terms, sr, hr):
        terms["l1"] = terms["l1"] + (sr - sr.detach()).abs().sqrt().sum()

    with pytest.raises(NonFinite, match="gradient of net is nan"):
        train(planted(large.changed(steps=60), at=0, plant=plant), pictures, tmp_path / "run")


# A full disk.


@needs_full
@pytest.mark.parametrize("name", [CHECKPOINT + ".part", "log.csv"])
def test_disk_full(tmp_path, pictures, undisturbed, name):
    """Each write to /dev/full fails as one to a full disk; from step 6 on, the run meets it."""
    path = tmp_path / "run" / name

    def fill(*_):
        path.unlink(missing_ok=True)
        path.symlink_to(FULL)

    with pytest.raises(OSError, match="could not be written") as caught:
        train(planted(PLAIN, at=6, plant=fill), pictures, tmp_path / "run", validation=pictures)
    assert caught.value.errno == errno.ENOSPC
    assert "make room, then go on with --resume" in str(caught.value)
    assert name.removesuffix(".part") in str(caught.value)
    assert not list((tmp_path / "run").glob("*.part"))
    assert step_of(tmp_path / "run") == 3
    if name == "log.csv":
        path.unlink()
    train(PLAIN, pictures, tmp_path / "run", validation=pictures, resume=True)
    found = differences(tmp_path / "run", undisturbed("sisr"))
    assert found == ([] if name != "log.csv" else ["log.csv"])  # whose first line went with it


# Small parts.


def test_l1_reductions():
    generator = torch.Generator().manual_seed(0)
    sr, hr = torch.rand(2, 3, 2, 4, 5, generator=generator, dtype=torch.float64)
    total = sum(abs(a - b) for a, b in zip(sr.flatten().tolist(), hr.flatten().tolist(), strict=True))
    assert l1(sr, hr).item() == pytest.approx(total / 120, rel=1e-14)
    assert l1(sr, hr, "picture").item() == pytest.approx(total / 3, rel=1e-14)
    assert l1(sr, hr, "sum").item() == pytest.approx(total, rel=1e-14)
    for reduction in ("mean", "picture", "sum"):
        whole = l1(sr.repeat(2, 1, 1, 1), torch.cat([hr, sr]), reduction)
        parts = [l1(sr, hr, reduction, ranks=2), l1(sr, sr, reduction, ranks=2)]
        assert whole.item() == pytest.approx(sum(parts).item() / 2, rel=1e-14)  # what averaging over ranks makes


def test_budget_counts_from_the_call(tmp_path, pictures):
    """Preparations count: a budget that they use up is for one step."""
    begun = time.monotonic()
    outcome = train(PLAIN.changed(steps=10_000), pictures, tmp_path / "run", budget=1.5)
    assert outcome.state == "paused"
    assert 1 <= outcome.step < 10_000
    assert time.monotonic() - begun < 20


def test_planted_steps_are_counted_as_the_log_counts(tmp_path, pictures):
    """The tests above rely on it."""
    with pytest.raises(NonFinite, match="step 0:"):
        train(planted(PLAIN, at=1, plant=lambda terms, sr, hr: terms["l1"].mul_(math.nan)), pictures, tmp_path / "run")


def test_small_settings_are_small():
    assert SMALL["steps"] % SMALL["log_every"]  # so that a stop falls between lines of the log
    assert Sisr(**SMALL) == PLAIN
