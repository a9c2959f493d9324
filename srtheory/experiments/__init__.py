"""One table or figure of a paper each, run at any scale, with recorded results."""

from collections.abc import Sequence
from pathlib import Path

from srtheory.experiments.base import RECORDED, SCALES, Experiment, Result, Row, run
from srtheory.experiments.decloss_ablation import EXPERIMENT as ABLATION
from srtheory.experiments.decloss_others import EXPERIMENTS as OTHERS
from srtheory.training.engine import Say

__all__ = ["Result", "Row", "get", "listed"]

EXPERIMENTS: dict[str, Experiment] = {one.name: one for one in (ABLATION, *OTHERS)}


def listed() -> dict[str, str]:
    """Return what each experiment is, by name."""
    return {name: experiment.text for name, experiment in EXPERIMENTS.items()}


def get(
    name: str,
    preset: str = "recorded",
    *,
    data: Sequence[str | Path] | None = None,
    test: Sequence[str | Path] | None = None,
    out: str | Path | None = None,
    budget: float | None = None,
    device: str = "auto",
    vgg: str = "",
    say: Say = print,
) -> Result | None:
    """Return the recorded result of an experiment, or run it here.

    Args:
        name: one of `listed`.
        preset: "recorded"; or "smoke" (seconds), "demo" (about half an hour on two cores), "gpu" (the baseline EDSR),
            "paper" (RRDB, the papers' steps), which run it.
        data: folders of training pictures.
        test: folders of pictures to measure on.
        out: folder for the runs and the result; experiments in one folder share the first stages. A second call with
            the same settings goes on where the first one stopped.
        budget: seconds after which to pause.
        device: "auto", or one of torch's.
        vgg: file of VGG-19's weights, for the rows with a perceptual loss, which are left out without it.
        say: called with lines about what is done.

    Returns:
        The result; None if the budget was spent before the end.

    Raises:
        ValueError: an unknown name or preset, or folders that are needed and missing.
        FileNotFoundError: no recorded result, or no pictures.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    if preset == "recorded":
        path = RECORDED / f"{name}.json"
        if not path.is_file():
            raise FileNotFoundError(f"{name} has no recorded result; run it, for example with the preset demo")
        return Result.read(path)
    if preset not in SCALES:
        raise ValueError(f"preset must be recorded, {', '.join(SCALES)}, not {preset!r}")
    if not data or not test or out is None:
        raise ValueError(
            f"{name} must be told folders to run: data (training pictures), test (pictures to measure on) and out; "
            "srtheory data get bsds500 set5 b100 brings pictures"
        )
    return run(EXPERIMENTS[name], preset, data, test, out, budget=budget, device=device, vgg=vgg, say=say)
