"""The other tables and figures on DECLoss: thresholds, temperatures, batch and patch sizes, and the trade-off."""

from srtheory.experiments.base import CONTROL, Arms, Experiment, Scale
from srtheory.experiments.decloss_ablation import OURS

BASE = {"l1_weight": 1e-2, "decloss_weight": 0.0}
DEC = {"l1_weight": 1e-2, "decloss_weight": 1e-2}
THRESHOLDS = (30.0, 32.0, 34.0, 36.0, 38.0, 40.0)
TEMPERATURES = (0.5, 1.0, 1.5, 2.0, 4.0, 8.0)
BATCHES = ((32, 4), (28, 6), (24, 8), (16, 12), (12, 16))
PATCHES = (1, 2, 3, 4, 8)
WEIGHTS = (1e-4, 1e-3, 1e-2, 1e-1)


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
    """The paper's pairs; crops of 96 or 192, which 4, 6, 8, 12 and 16 divide, and at the smaller scales a fraction of
    each batch."""
    part = max(scale.second["batch"] / 32, 1 / 4)
    made: Arms = {}
    for batch, patch in BATCHES:
        size = {
            "batch": max(round(batch * part), 1),
            "crop": 48 if scale.second["crop"] < 96 else scale.second["crop"] // 48 * 48,
        }
        made[f"{batch}/{patch} L1"] = {**BASE, **size}
        made[f"{batch}/{patch} DEC"] = {**DEC, **size, "patch_size": patch}
    return made


def patch_sizes(scale: Scale) -> Arms:
    """COO-v1's sizes; half the batch, as there, and crops of a multiple of 24, which 1, 2, 3, 4 and 8 divide."""
    size = {"batch": max(scale.second["batch"] // 2, 1), "crop": scale.second["crop"] // 48 * 48}
    return {
        CONTROL: {**BASE, **size},
        **{f"{patch}x{patch}": {**DEC, **size, "patch_size": patch} for patch in PATCHES},
    }


def pareto(scale: Scale) -> Arms:
    return {
        CONTROL: BASE,
        **{f"DEC {w:g}": {**DEC, "decloss_weight": w} for w in WEIGHTS},
        **{f"ours {w:g}": {**DEC, **OURS, "decloss_weight": w} for w in WEIGHTS},
        **{f"GAN {w:g}": {**BASE, "gan_weight": w} for w in WEIGHTS},
        **{f"GAN {w:g} + DEC": {**DEC, "gan_weight": w} for w in WEIGHTS},
    }


EXPERIMENTS = (
    Experiment("decloss-threshold", "COO Table 2: the threshold, read as a norm and as PSNR", thresholds),
    Experiment("decloss-temperature", "COO Fig. 8: temperatures outside and inside the exponential", temperatures),
    Experiment("decloss-batch-patch", "COO Table 3: batch size against patch size", batches),
    Experiment("decloss-patch-size", "COO-v1 Table 2: patch sizes, down to one pixel", patch_sizes),
    Experiment("decloss-pareto", "COO Fig. 7: fidelity against patch statistics, over weights", pareto),
)
