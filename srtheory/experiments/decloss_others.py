"""The other tables and figures on DECLoss: thresholds, temperatures, batch and patch sizes, and the trade-off."""

from collections.abc import Mapping
from pathlib import Path

from srtheory.experiments.base import CONTROL, Arms, Experiment, Row, Scale, Testing
from srtheory.experiments.decloss_ablation import OURS, contrast, unsharp
from srtheory.training import load_network

BASE = {"l1_weight": 1e-2, "decloss_weight": 0.0}
DEC = {"l1_weight": 1e-2, "decloss_weight": 1e-3}  # a tenth of COO's, where the pictures do not fall apart
THRESHOLDS = (30.0, 32.0, 34.0, 36.0, 38.0, 40.0)
TEMPERATURES = (0.5, 1.0, 1.5, 2.0, 4.0, 8.0)
BATCHES = ((32, 4), (28, 6), (24, 8), (16, 12), (12, 16))
PATCHES = (1, 2, 3, 4, 8)
DEC_WEIGHTS, OUR_WEIGHTS = (3e-4, 1e-3, 3e-3, 1e-2), (1e-4, 1e-3, 1e-2)
GAN_WEIGHTS = (1e-4, 1e-3, 5e-3)
SHARPENED, STRETCHED = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5), (0.01, 0.02, 0.04, 0.08, 0.15)


def thresholds(scale: Scale) -> Arms:
    readings: Arms = {"norm": {}, "PSNR": {"similarity": "psnr"}}
    return {
        CONTROL: BASE,
        **{
            f"{name} {threshold:g}": {**DEC, **reading, "threshold": threshold}
            for name, reading in readings.items()
            for threshold in THRESHOLDS
        },
    }


def temperatures(scale: Scale) -> Arms:
    pairs = [(t, 1.5) for t in TEMPERATURES] + [(0.5, t) for t in TEMPERATURES if t != 1.5]
    outside = [(0.5, 1.5), (8.0, 1.5), (0.5, 8.0)]
    return {
        CONTROL: BASE,
        **{f"outside {t:g} {u:g}": {**DEC, "t_pos": t, "t_neg": u} for t, u in outside},
        **{f"inside {t:g} {u:g}": {**DEC, "t_pos": t, "t_neg": u, "temperature": "inside"} for t, u in pairs},
    }


def batches(scale: Scale) -> Arms:
    """The paper's pairs, on crops that all its patch sizes divide; where the scale's batch is below 32, its share of
    each batch."""
    crop = scale.second["crop"] // 48 * 48
    made: Arms = {}
    for batch, patch in BATCHES:
        size = {"batch": max(batch * scale.second["batch"] // 32, 2), "crop": crop}
        made[f"{batch}/{patch} L1"] = {**BASE, **size}
        made[f"{batch}/{patch} DEC"] = {**DEC, **size, "patch_size": patch}
    return made


def patch_sizes(scale: Scale) -> Arms:
    """COO-v1's sizes; half the batch, as there, and crops that all of them divide, small where the scale is: patches of
    one pixel make many pairs."""
    crop = 48 if scale.second["batch"] < 32 else scale.second["crop"] // 48 * 48
    size = {"batch": max(scale.second["batch"] // 2, 1), "crop": crop}
    return {
        CONTROL: {**BASE, **size},
        **{f"{patch}x{patch}": {**DEC, **size, "patch_size": patch} for patch in PATCHES},
    }


def pareto(scale: Scale) -> Arms:
    return {
        CONTROL: BASE,
        **{f"DEC {w:g}": {**BASE, "decloss_weight": w} for w in DEC_WEIGHTS},
        **{f"ours {w:g}": {**BASE, **OURS, "decloss_weight": w} for w in OUR_WEIGHTS},
        **{f"GAN {w:g}": {**BASE, "gan_weight": w} for w in GAN_WEIGHTS},
        **{f"GAN {w:g} + DEC": {**DEC, "gan_weight": w} for w in GAN_WEIGHTS},
    }


def untrained(testing: Testing, done: list[Row], folders: Mapping[tuple[str, int], Path]) -> list[Row]:
    """Sharpen, or stretch, what the control made, by several amounts."""
    rows = []
    for row in [row for row in done if row.arm == CONTROL]:
        net, _ = load_network(folders[CONTROL, row.seed], testing.device)
        made = testing.made_by(net)
        for name, change, amounts in (("unsharp", unsharp, SHARPENED), ("contrast", contrast, STRETCHED)):
            for amount in amounts:
                values = testing.measure([change(sr, amount) for sr in made])
                rows.append(Row(f"{name} {amount:g}", row.seed, values, {"amount": amount}))
    return rows


EXPERIMENTS = (
    Experiment("decloss-threshold", "COO Table 2: the threshold, read as a norm and as PSNR", thresholds),
    Experiment("decloss-temperature", "COO Fig. 8: temperatures outside and inside the exponential", temperatures),
    Experiment("decloss-batch-patch", "COO Table 3: batch size against patch size", batches),
    Experiment("decloss-patch-size", "COO-v1 Table 2: patch sizes, down to one pixel", patch_sizes),
    Experiment("decloss-pareto", "COO Fig. 7: fidelity against patch statistics, over weights", pareto, untrained),
)
