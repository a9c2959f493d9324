"""Arithmetic on the papers' own tables: each function gives whether a statement agrees with them, and the numbers.

The tables are data (book/tables.yml). No number of a result is typed here: a sentence computes what it says.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from statistics import mean

import yaml

TABLES = yaml.safe_load((Path(__file__).resolve().parents[1] / "tables.yml").read_text(encoding="utf-8"))
COO, V1, PCL, REDSR = (TABLES[paper] for paper in ("COO", "COO-v1", "PCL", "ReDSR"))
SETS = PCL["sets"]
FLOAT32 = 4  # bytes
GPU = 80 * 2**30  # bytes of the larger A100
GPUS = 4  # that COO and COO-v1 train on
SIMILAR_LPIPS, COMPARABLE, STABLE = 0.005, 0.1, 1.0  # ours, the last two in dB: the papers give no threshold
Result = tuple[bool, str]
CLAIMS: dict[str, Callable[[], Result]] = {}


def claim(function: Callable[[], Result]) -> Callable[[], Result]:
    CLAIMS[function.__name__] = function
    return function


def in_bytes(size: float) -> str:
    unit, name = next(
        (2**power, name) for power, name in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")) if size >= 2**power
    )
    return f"{size / unit:.1f} {name}"


def split_over_gpus(patches: int) -> str:
    """The size of a dense similarity matrix of a batch, whole and of each GPU's share of it."""
    whole, share = (in_bytes(count**2 * FLOAT32) for count in (patches, patches // GPUS))
    return f"{whole}, and split over four GPUs {share} each"


def sentence(parts: Iterable[str]) -> str:
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def by_set(row: list) -> dict[str, tuple]:
    """A row of PCL as {set: (first, second)}."""
    return dict(zip(SETS, zip(row[::2], row[1::2], strict=True), strict=True))


def ranks(values: list[float]) -> list[float]:
    """Ranks, the mean of them for equal values."""
    ordered = sorted(values)
    return [mean(place for place, other in enumerate(ordered) if other == value) for value in values]


def spearman(first: list[float], second: list[float]) -> float:
    x, y = ranks(first), ranks(second)
    a, b = [v - mean(x) for v in x], [v - mean(y) for v in y]
    return sum(p * q for p, q in zip(a, b, strict=True)) / (sum(p * p for p in a) * sum(q * q for q in b)) ** 0.5


# --- COO ---


@claim
def coo_abstract() -> Result:
    named, table = COO["text"]["abstract"], COO["Table 4"]
    found = {name: table[name]["DECLoss"] for name in named}
    parts = ", ".join(f"{name} {psnr:.2f} dB and LPIPS {lpips:.3f}" for name, (psnr, lpips) in found.items())
    return found == named, f"Table 4 has {parts}."


@claim
def coo_gain_over_esrgan() -> Result:
    (ours, our_lpips), (theirs, their_lpips) = (COO["Table 4"]["DIV2K"][m] for m in ("DECLoss", "ESRGAN"))
    gain, reduction = ours - theirs, 100 * (their_lpips - our_lpips) / their_lpips
    agrees = [round(gain, 2), round(reduction)] == COO["text"]["gain over ESRGAN"]
    return agrees, f"{ours:.2f} - {theirs:.2f} = {gain:.2f} dB; LPIPS lower by {reduction:.1f} %."


@claim
def coo_esrgan_twice() -> Result:
    first, second = COO["Table 1"][5][0], COO["Table 4"]["DIV2K"]["ESRGAN"][0]
    third = V1["Table 1"][9][0]
    return first == second, f"Table 1 has {first:.2f} dB, Table 4 {second:.2f} dB, and COO-v1 Table 1 {third:.2f} dB."


def coo_adding(without: int, with_it: int) -> tuple[bool, bool, str]:
    (psnr, lpips), (new_psnr, new_lpips) = (COO["Table 1"][k] for k in (without, with_it))
    words = f"{new_psnr - psnr:+.2f} dB and {new_lpips - lpips:+.3f} LPIPS"
    return new_lpips < lpips, new_psnr > psnr, f"configuration {with_it} against {without}: {words}"


@claim
def coo_lpips_of_table_1() -> Result:
    results = [coo_adding(*pair) for pair in ((1, 2), (3, 4), (5, 6))]
    return all(better for better, _, _ in results), sentence(words for *_, words in results)


@claim
def coo_both_measures_of_table_1() -> Result:
    results = [coo_adding(*pair) for pair in ((1, 4), (3, 4), (5, 6))]
    return all(a and b for a, b, _ in results), sentence(words for *_, words in results)


@claim
def coo_best_threshold() -> Result:
    table = COO["Table 2"]
    lpips, psnr = min(table, key=lambda k: table[k][1]), max(table, key=lambda k: table[k][0])
    says = COO["settings"]["threshold"]
    return lpips == psnr == says, f"LPIPS is lowest at {lpips} ({table[lpips][1]}), PSNR highest at {psnr}."


@claim
def coo_stable_thresholds() -> Result:
    lpips = {threshold: row[1] for threshold, row in COO["Table 2"].items()}
    inner, outer = [lpips[k] for k in (30, 32, 34)], [lpips[k] for k in (30, 32, 34, 36)]
    spread, wider = max(inner) - min(inner), max(outer) - min(outer)
    whole = max(lpips.values()) - min(lpips.values())
    words = f"LPIPS varies by {spread:.4f} from 30 to 34, by {wider:.4f} from 30 to 36, by {whole:.4f} over the table"
    words += f"; stable is taken as a quarter of that, {whole / 4:.4f}."
    return wider < whole / 4, words


@claim
def coo_psnr_of_table_3() -> Result:
    table = COO["Table 3"]
    best = max(table, key=lambda k: table[k][0])
    return best == "28/6", f"The highest PSNR is that of {best}, {table[best][0]} dB; 28/6 has {table['28/6'][0]} dB."


@claim
def coo_lpips_of_table_3() -> Result:
    table = COO["Table 3"]
    best = min(table, key=lambda k: table[k][1])
    return best == "24/8", f"The lowest LPIPS is that of {best}, {table[best][1]}."


@claim
def coo_memory_of_table_3() -> Result:
    crop, sizes = COO["settings"]["crop"], {}
    for pair in COO["Table 3"]:
        batch, side = map(int, pair.split("/"))
        sizes[pair] = batch * (crop // side) ** 2
    counts = ", ".join(f"{size:,} at {pair}" for pair, size in sizes.items())
    words = f"Patches in a batch, crops of {crop}: {counts}. One dense similarity matrix of a batch takes "
    first, *_, last = (split_over_gpus(size) for size in sizes.values())
    return len({*sizes.values()}) == 1, words + f"at 32/4 {first}; at 12/16 {last}."


@claim
def coo_patches_tile() -> Result:
    crop = COO["settings"]["crop"]
    rest = {int(pair.split("/")[1]): crop % int(pair.split("/")[1]) for pair in COO["Table 3"]}
    left = {side: pixels for side, pixels in rest.items() if pixels}
    return not left, f"A crop of {crop} leaves " + ", ".join(f"{n} pixels at side {k}" for k, n in left.items()) + "."


@claim
def coo_tables_2_and_3() -> Result:
    first, second = COO["Table 2"][COO["settings"]["threshold"]], COO["Table 3"][COO["settings"]["batch_patch"]]
    words = f"Table 2 has {first[0]:.3f} dB and LPIPS {first[1]:.4f}, Table 3 {second[0]:.3f} dB and {second[1]:.4f}"
    return first == second, f"{words}; Table 1 has {COO['Table 1'][4][0]:.2f} dB and {COO['Table 1'][4][1]:.3f}."


@claim
def coo_best_of_table_4() -> Result:
    table, won = COO["Table 4"], {}
    for name, rows in table.items():
        psnr, lpips = max(rows, key=lambda m: rows[m][0]), min(rows, key=lambda m: rows[m][1])
        won[name] = (psnr, lpips)
    best = ("DECLoss", "DECLoss")
    agrees = won == {"DIV2K": best, "Urban100": best, "BSD100": ("DECLoss", "LDL")}
    parts = "; ".join(f"{name}: PSNR {psnr}, LPIPS {lpips}" for name, (psnr, lpips) in won.items())
    return agrees, f"Best by the table: {parts}."


@claim
def coo_both_measures_everywhere() -> Result:
    rows = COO["Table 4"]["BSD100"]
    ours, theirs = rows["DECLoss"], rows["LDL"]
    words = f"On BSD100 LDL has LPIPS {theirs[1]:.3f} and DECLoss {ours[1]:.3f}; in PSNR DECLoss is ahead, "
    return ours[1] < theirs[1], words + f"{ours[0]:.2f} to {theirs[0]:.2f} dB."


@claim
def coo_table_5() -> Result:
    worse, count = [], 0
    for base in ("Real-ESRGAN", "BSRGAN"):
        before, after = COO["Table 5"][base], COO["Table 5"][f"{base}+DECLoss"]
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            count += 1
            name = ("RealSR Nikon", "RealSR Canon", "DRealSR")[place // 2]
            if not (new > old if place % 2 == 0 else new < old):
                worse.append(f"{base} on {name}, {old} to {new}")
    return not worse, f"{count - len(worse)} of {count} entries improve; the other: {'; '.join(worse)} (LPIPS)."


@claim
def coo_votes() -> Result:
    study = COO["text"]["user study"]
    product = study["participants"] * study["groups"]
    words = f"{study['participants']} x {study['groups']} = {product:,}, and the text counts {study['votes']:,}"
    return product == study["votes"], f"{words}: {product - study['votes']} fewer."


@claim
def coo_lost_dimensions() -> Result:
    shares = {scale: 1 - Fraction(1, scale**2) for scale in COO["text"]["lost"]}
    agrees = {scale: str(share) for scale, share in shares.items()} == COO["text"]["lost"]
    return agrees, "Of the dimensions: " + ", ".join(f"x{s} loses {share}" for s, share in shares.items()) + "."


@claim
def coo_larger_temperatures() -> Result:
    tried, best = (COO["text"]["temperatures"][key] for key in ("tried", "best"))
    return best > min(tried), f"The best, {best}, is the smallest of those tried, {min(tried)} to {max(tried)}."


@claim
def coo_same_configuration_as_v1() -> Result:
    coo, v1 = COO["Table 1"][6], V1["Table 1"][10]
    times = COO["settings"]["weights"][2] / V1["settings"]["weights"][2]
    words = f"COO: {coo[0]:.2f} dB and LPIPS {coo[1]:.3f}; COO-v1: {v1[0]:.2f} dB and {v1[1]:.3f}"
    return coo == v1[:2], f"{words}. The weight of DECLoss differs by a factor of {times:.0f}."


# --- COO-v1 ---


def v1_times(name: str, slow: float, fast: float, more: str = "") -> Result:
    said = V1["text"]["times faster"][name]
    digits = len(said.split(".")[1])
    return (
        f"{slow / fast:.{digits}f}" == said,
        f"{slow:g} / {fast:g} = {slow / fast:.{digits}f} times the GPU hours{more}.",
    )


@claim
def v1_faster_than_gan() -> Result:
    slow, fast = V1["Table 1"][5], V1["Table 1"][6]
    return v1_times("GAN-based", slow[3], fast[3], f", at LPIPS {slow[1]:.3f} and {fast[1]:.3f}")


@claim
def v1_faster_than_ranksrgan() -> Result:
    hours = V1["Table 3, GPU hours"]
    return v1_times("RankSRGAN", hours["RankSRGAN"], hours["DECLoss"])


@claim
def v1_faster_than_esrgan() -> Result:
    hours, rows = V1["Table 3, GPU hours"], V1["Table 3"]["Urban100"]
    behind = rows["DECLoss"][1] - rows["ESRGAN"][1]
    agrees, words = v1_times("ESRGAN", hours["ESRGAN"], hours["DECLoss"], f", with LPIPS {behind:+.3f} on Urban100")
    return agrees and round(behind, 3) == V1["text"]["LPIPS behind ESRGAN on Urban100"], words


@claim
def v1_faster_than_srflow() -> Result:
    hours, rows = V1["Table 3, GPU hours"], V1["Table 3"]["Urban100"]
    ahead = rows["SRFlow"][1] - rows["DECLoss+"][1]
    agrees, words = v1_times("SRFlow", hours["SRFlow"], hours["DECLoss+"], f", with LPIPS {-ahead:+.3f} on Urban100")
    return agrees and round(ahead, 3) == V1["text"]["LPIPS ahead of SRFlow on Urban100"], words


def v1_lpips(ours: str, theirs: str) -> tuple[int, str]:
    pairs = {name: (rows[ours][1], rows[theirs][1]) for name, rows in V1["Table 3"].items()}
    words = ", ".join(f"{name} {a:.3f} to {b:.3f}" for name, (a, b) in pairs.items())
    return sum(a < b for a, b in pairs.values()), f"LPIPS, {ours} to {theirs}: {words}"


def v1_ahead_in_both(rival: str) -> Result:
    """Whether DECLoss is ahead of a rival in LPIPS and in PSNR on every set."""
    better, words = v1_lpips("DECLoss", rival)
    psnr = [rows["DECLoss"][0] - rows[rival][0] for rows in V1["Table 3"].values()]
    agrees = better == len(psnr) and min(psnr) > 0
    return agrees, f"{words}; PSNR " + ", ".join(f"{gain:+.2f}" for gain in psnr) + " dB."


@claim
def v1_equal_to_ranksrgan() -> Result:
    return v1_ahead_in_both("RankSRGAN")


@claim
def v1_better_than_psnr_oriented() -> Result:
    return v1_ahead_in_both("EDSR")


@claim
def v1_decloss_plus() -> Result:
    rows = V1["Table 3"].values()
    lpips = all(min(r, key=lambda m: r[m][1]) == "DECLoss+" for r in rows)
    icoo = all(min(set(r) - {"ESRGAN"}, key=lambda m: r[m][2]) == "DECLoss+" for r in rows)
    gaps = ", ".join(f"{n} {r['DECLoss+'][2]:.2f} to {r['ESRGAN'][2]:.2f}" for n, r in V1["Table 3"].items())
    return lpips and icoo, (
        f"Lowest LPIPS on all sets: {lpips}. Lowest ICOO but for ESRGAN: {icoo}; DECLoss+ to ESRGAN: {gaps}."
    )


@claim
def v1_configurations_2_and_6() -> Result:
    table, agrees, words = V1["Table 1"], True, []
    for base, ours in ((1, 2), (3, 6)):
        psnr, lpips, icoo = (b - a for a, b in zip(table[base][:3], table[ours][:3], strict=True))
        agrees = agrees and psnr > 0 and lpips < 0 and icoo < 0
        words.append(f"{ours} against {base}: {psnr:+.2f} dB, LPIPS {lpips:+.3f}, ICOO {icoo:+.2f}")
    return agrees, "; ".join(words) + "."


@claim
def v1_configuration_6_as_gan() -> Result:
    lpips = {k: V1["Table 1"][k][1] for k in (4, 5, 6)}
    values = ", ".join(f"configuration {k}: {v:.3f}" for k, v in lpips.items())
    agrees = max(abs(lpips[6] - lpips[k]) for k in (4, 5)) < SIMILAR_LPIPS
    return agrees, f"LPIPS, {values}; equivalent is taken as closer than {SIMILAR_LPIPS}."


@claim
def v1_configuration_8_as_9() -> Result:
    (psnr, lpips, icoo, _), (psnr9, lpips9, icoo9, _) = V1["Table 1"][8], V1["Table 1"][9]
    words = f"8 against 9: {psnr - psnr9:+.2f} dB, LPIPS {lpips - lpips9:+.3f} ({100 * (lpips / lpips9 - 1):+.0f} %)"
    words += f", ICOO {icoo - icoo9:+.2f}; similar is taken as an LPIPS closer than {SIMILAR_LPIPS}."
    return abs(lpips - lpips9) < SIMILAR_LPIPS, words


@claim
def v1_gan_with_decloss() -> Result:
    lower = [round(V1["Table 1"][a][1] - V1["Table 1"][b][1], 3) for a, b in ((5, 7), (9, 10))]
    agrees = lower == V1["text"]["LPIPS lower than 5 and 9"]
    return agrees, f"LPIPS lower by {lower[0]:.3f} (7 against 5) and {lower[1]:.3f} (10 against 9)."


def v1_lpips_by_patch() -> tuple[list[float], str]:
    table = V1["Table 2"]
    return [row[1] for row in table.values()], ", ".join(f"{side}: {row[1]:.4f}" for side, row in table.items())


@claim
def v1_larger_patches() -> Result:
    lpips, words = v1_lpips_by_patch()
    return lpips == sorted(lpips, reverse=True), f"LPIPS by side of the patch: {words}."


@claim
def v1_smaller_patches() -> Result:
    lpips, words = v1_lpips_by_patch()
    return lpips == sorted(lpips), f"LPIPS by side of the patch: {words}."


@claim
def v1_single_pixels() -> Result:
    patches = V1["text"]["batch of Table 2"] * V1["settings"]["crop"] ** 2
    words = f"{patches:,} patches of one pixel: one dense similarity matrix in single precision takes "
    words += f"{split_over_gpus(patches)}; the larger A100 has {in_bytes(GPU)}."
    return (patches // GPUS) ** 2 * FLOAT32 < GPU, words


@claim
def v1_edsr_twice() -> Result:
    first, second = V1["Table 1"][1][:3], V1["Table 3"]["DIV2K"]["EDSR"]
    bicubic = V1["Table 3"]["DIV2K"]["Bicubic"][1]
    words = f"Table 1: {first[0]:.2f} dB and LPIPS {first[1]:.3f}; Table 3: {second[0]:.2f} dB and {second[1]:.3f}"
    return first == second, f"{words}, where bicubic has {bicubic:.3f}."


@claim
def v1_icoo_follows_lpips() -> Result:
    groups = {"Table 1": list(V1["Table 1"].values()), "Table 2": list(V1["Table 2"].values())}
    groups |= {f"Table 3, {name}": list(rows.values()) for name, rows in V1["Table 3"].items()}
    found = {name: spearman([r[1] for r in rows], [r[2] for r in rows]) for name, rows in groups.items()}
    return min(found.values()) == 1, "Rank correlation: " + ", ".join(f"{n} {r:.2f}" for n, r in found.items()) + "."


# --- PCL ---

RETRAINED = ("EDSR-S", "EDSR-L", "RCAN", "HAN", "NLSN")


def pcl_gains(name: str) -> list[float]:
    table = PCL["Table II"]
    return [round(new - old, 4) for old, new in zip(table[name], table[f"{name}+PCL"], strict=True)]


@claim
def pcl_better_everywhere() -> Result:
    gains = [gain for name in RETRAINED for gain in pcl_gains(name)]
    psnr = [gain for name in RETRAINED for gain in pcl_gains(name)[::2]]
    better = sum(gain > 0 for gain in gains)
    words = f"{better} of {len(gains)} entries improve; PSNR by {min(psnr):.2f} to {max(psnr):.2f} dB"
    return better == len(gains), f"{words}, {mean(psnr):.2f} on average."


@claim
def pcl_mean_gain_of_nlsn() -> Result:
    gains = pcl_gains("NLSN")
    psnr, ssim = mean(gains[::2]), mean(gains[1::2])
    agrees = [round(psnr, 2), round(ssim, 4)] == PCL["text"]["NLSN"]
    return agrees, f"Mean over five sets: {psnr:.3f} dB and {ssim:.5f}."


@claim
def pcl_printed_gains() -> Result:
    wrong, count = [], 0
    for name, printed in PCL["Table II, gains"].items():
        for place, (said, gain) in enumerate(zip(printed, pcl_gains(name), strict=True)):
            count += 1
            if abs(said - gain) > 1e-9:
                two = (f"{said:.4f}", f"{gain:.4f} SSIM") if place % 2 else (f"{said:.2f}", f"{gain:.2f} dB")
                wrong.append(f"{name} on {SETS[place // 2]}, printed {two[0]}, difference {two[1]}")
    return not wrong, f"{count - len(wrong)} of {count} are the differences; the others: {'; '.join(wrong)}."


@claim
def pcl_ssim_of_vdsr() -> Result:
    value = by_set(PCL["Table II"]["VDSR"])["B100"][1]
    low, high = (by_set(PCL["Table II"][name])["B100"][1] for name in ("FSRCNN", "LapSRN"))
    return low < value < high, (f"VDSR on B100: {value:.4f}; FSRCNN above it {low:.4f}, LapSRN below it {high:.4f}.")


@claim
def pcl_han_as_nlsn() -> Result:
    pair = (by_set(PCL["Table II"][name]) for name in ("HAN+PCL", "NLSN"))
    ours, theirs = pair
    gaps = [ours[name][0] - theirs[name][0] for name in SETS]
    words = (
        f"Ahead on {sum(gap > 0 for gap in gaps)} of {len(gaps)} sets in PSNR, by {min(gaps):+.2f} to {max(gaps):+.2f}"
    )
    return min(gaps) > -COMPARABLE, f"{words} dB; comparable is taken as less than {COMPARABLE} dB behind."


@claim
def pcl_rcan_as_san() -> Result:
    ours, theirs = (by_set(PCL["Table II"][name]) for name in ("RCAN+PCL", "SAN"))
    ahead = [name for name in SETS if ours[name][0] > theirs[name][0]]
    gaps = ", ".join(f"{name} {ours[name][0] - theirs[name][0]:+.2f}" for name in SETS)
    return ahead == PCL["text"]["RCAN ahead of SAN on"], f"PSNR, RCAN with PCL against SAN: {gaps} dB."


@claim
def pcl_gains_on_manga() -> Result:
    by_name = {name: dict(zip(SETS, pcl_gains(name)[::2], strict=True)) for name in RETRAINED}
    means = {data: mean(gains[data] for gains in by_name.values()) for data in SETS}
    not_so = [name for name, gains in by_name.items() if max(gains, key=gains.__getitem__) != "Manga109"]
    words = ", ".join(f"{data} {gain:.2f}" for data, gain in means.items())
    return not not_so, f"Mean gain in dB: {words}; not the largest on Manga109 for {', '.join(not_so)}."


@claim
def pcl_niqe_and_lpips() -> Result:
    table, worse, count = PCL["Table III"], [], 0
    for name in ("EDSR", "RCAN", "NLSN"):
        for place, (old, new) in enumerate(zip(table[name], table[f"{name}+PCL"], strict=True)):
            count += 1
            if new >= old:
                worse.append(f"{('NIQE', 'LPIPS')[place % 2]} of {name} on {SETS[place // 2]}")
    return len(worse) < count / 2, f"{count - len(worse)} of {count} improve; not {', '.join(worse)}."


def pcl_against(table: str, ours: object, theirs: object) -> dict[str, float]:
    rows = PCL[table]
    return {data: rows[ours][2 * k] - rows[theirs][2 * k] for k, data in enumerate(SETS)}


@claim
def pcl_vgg_is_worse() -> Result:
    rows = zip(PCL["Table IV"][1], PCL["Table II"]["RCAN"], strict=True)
    gaps = [new - old for new, old in rows]
    psnr = ", ".join(f"{gap:+.2f}" for gap in gaps[::2])
    return max(gaps) < 0, f"Against RCAN, PSNR {psnr} dB, and a lower SSIM on {sum(g < 0 for g in gaps[1::2])} of 5."


@claim
def pcl_haar_is_best() -> Result:
    table = PCL["Table IV"]
    first = [table[3][k] > max(table[1][k], table[2][k]) for k in range(10)]
    psnr, ssim = sum(first[::2]), sum(first[1::2])
    return all(
        first
    ), f"Against VGG and the plain discriminator: best on {psnr} of 5 sets in PSNR, {ssim} of 5 in SSIM."


@claim
def pcl_generated_samples() -> Result:
    gaps = pcl_against("Table IV", 3, 4)
    return min(gaps.values()) > 0, "PSNR gained: " + ", ".join(f"{k} {v:+.2f}" for k, v in gaps.items()) + " dB."


@claim
def pcl_fourier() -> Result:
    gaps = pcl_against("Table IV", 5, 3)
    agrees = [name for name, gap in gaps.items() if gap > 0] == PCL["text"]["Fourier better on"]
    return agrees, "PSNR, Fourier against Haar: " + ", ".join(f"{k} {v:+.2f}" for k, v in gaps.items()) + " dB."


@claim
def pcl_fixed_embedding() -> Result:
    gaps = pcl_against("Table V", "PCL-F", "PCL")
    return min(gaps.values()) >= 0, "PSNR gained: " + ", ".join(f"{k} {v:+.2f}" for k, v in gaps.items()) + " dB."


def pcl_table_6(row: str) -> list[dict[str, float]]:
    names = ("B100", "Urban100", "Manga109")
    gaps = [new - old for new, old in zip(PCL["Table VI"][row], PCL["Table VI"]["neither"], strict=True)]
    return [dict(zip(names, gaps[k::3], strict=True)) for k in range(3)]  # PSNR, SSIM, LPIPS


@claim
def pcl_negatives() -> Result:
    psnr = pcl_table_6("negatives")[0]
    return min(psnr.values()) > 0, "PSNR with negatives: " + ", ".join(
        f"{k} {v:+.2f}" for k, v in psnr.items()
    ) + " dB."


@claim
def pcl_positives() -> Result:
    lpips = pcl_table_6("positives")[2]
    return max(lpips.values()) < 0, "LPIPS with positives: " + ", ".join(
        f"{k} {v:+.4f}" for k, v in lpips.items()
    ) + "."


@claim
def pcl_positives_on_manga() -> Result:
    psnr, ssim, lpips = pcl_table_6("positives")
    agrees = all(max(m, key=m.__getitem__) == "Manga109" for m in (psnr, ssim))
    agrees = agrees and min(lpips, key=lpips.__getitem__) == "Manga109"
    words = f"PSNR {psnr['Manga109']:+.2f} dB and SSIM {ssim['Manga109']:+.4f}, the best change of the three sets"
    place = sorted(lpips, key=lpips.__getitem__).index("Manga109") + 1
    return agrees, f"Manga109: {words}; LPIPS {lpips['Manga109']:+.4f}, place {place} of three."


@claim
def pcl_alpha() -> Result:
    table = PCL["Table VII"]
    values = list(table.values())
    base = by_set(PCL["Table II"]["RCAN"])["Set14"][0]
    above = ", ".join(str(k) for k, v in table.items() if v > base)
    best = max(table, key=table.__getitem__)
    words = (
        f"PSNR is highest at {best}, {table[best]:.2f} dB, and falls from there on; above RCAN's {base:.2f} dB: {above}"
    )
    return values == sorted(values, reverse=True), words + "."


# --- ReDSR ---


@claim
def redsr_best_of_table_1() -> Result:
    table = REDSR["Table 1"]
    rivals = [row for name, row in table.items() if not name.startswith("ReDSR")]
    small = [table["ReDSR"][k] > max(row[k] for row in rivals) for k in range(1, 9)]
    large = [table["ReDSR-L"][k] > max(row[k] for row in rivals) for k in range(1, 9)]
    dcls = sum(table["DCLS"][k] > table["ReDSR"][k] for k in range(1, 9))
    words = f"ReDSR is ahead of all others on {sum(small)} of 8 columns, ReDSR-L on {sum(large)}"
    return all(small), f"{words}; DCLS is ahead of ReDSR on {dcls}."


@claim
def redsr_over_dasr() -> Result:
    table = REDSR["Table 1"]
    gains = [a - b for a, b in zip(table["ReDSR"][1::2], table["DASR"][1::2], strict=True)]
    return min(gains) > 0, "PSNR gained: " + ", ".join(f"{gain:+.2f}" for gain in gains) + " dB."


@claim
def redsr_times() -> Result:
    estimating = REDSR["Table 1, estimate the degradation"]
    slow = {name: row[0] for name, row in REDSR["Table 1"].items() if name in estimating}
    fast = {name: row[0] for name, row in REDSR["Table 1"].items() if name not in estimating}
    first, last = min(slow, key=slow.__getitem__), max(fast, key=fast.__getitem__)
    words = f"The fastest that estimates the degradation: {first}, {slow[first]} ms; the slowest of the others: {last}"
    return slow[first] > fast[last], f"{words}, {fast[last]} ms."


def redsr_gains(ours: int, theirs: int) -> tuple[list[float], str]:
    table = REDSR["Table 2"]
    gains = [a - b for a, b in zip(table[ours], table[theirs], strict=True)]
    return gains, f"model {ours} against {theirs}: " + ", ".join(f"{gain:+.2f}" for gain in gains) + " dB"


def redsr_sentence(*pairs: tuple[int, int]) -> tuple[list[float], str]:
    found = [redsr_gains(*pair) for pair in pairs]
    return [gain for gains, _ in found for gain in gains], sentence(words for _, words in found)


@claim
def redsr_each_loss_helps() -> Result:
    gains, words = redsr_sentence((2, 1), (3, 1), (4, 1))
    return min(gains) > 0, words


@claim
def redsr_over_kl() -> Result:
    gains, words = redsr_sentence((8, 7))
    return min(gains) > 0.2, words


@claim
def redsr_distributions() -> Result:
    gains, words = redsr_sentence((5, 4), (6, 4))
    return max(map(abs, gains)) < COMPARABLE, f"{words} Comparable is taken as closer than {COMPARABLE} dB."


@claim
def redsr_modulated() -> Result:
    gains, words = redsr_sentence((8, 4))
    return min(gains) > 0 and max(gains) == gains[-1], words


@claim
def redsr_oracle() -> Result:
    table = REDSR["Table 2"]
    gains, words = redsr_sentence((9, 8))
    best = all(table[9][k] == max(row[k] for row in table.values()) for k in range(4))
    return best and min(gains) > 0, words


def redsr_cells(name: str) -> list[float]:
    return [value for row in REDSR["Table 3"][name] for value in row]


@claim
def redsr_best_of_table_3() -> Result:
    rivals = [redsr_cells(name) for name in REDSR["Table 3"] if name != "ReDSR"]
    gaps = [ours - max(row[k] for row in rivals) for k, ours in enumerate(redsr_cells("ReDSR"))]
    won = sum(gap > 0 for gap in gaps)
    return won == len(gaps), f"Ahead on {won} of {len(gaps)} entries, by {min(gaps):.2f} to {max(gaps):.2f} dB."


@claim
def redsr_dan_over_three() -> Result:
    dan, words, agrees = redsr_cells("DnCNN+DANv2"), [], True
    for name in ("DnCNN+DCLS", "DASR", "MRDA"):
        ahead = sum(a > b for a, b in zip(dan, redsr_cells(name), strict=True))
        agrees = agrees and ahead == len(dan)
        words.append(f"of {name} on {ahead}")
    return agrees, f"Of {len(dan)} entries DANv2 is ahead {', '.join(words)}."


@claim
def redsr_over_dan() -> Result:
    times = REDSR["Table 3, time in ms"]
    gaps = [a - b for a, b in zip(redsr_cells("ReDSR"), redsr_cells("DnCNN+DANv2"), strict=True)]
    words = f"PSNR by {min(gaps):+.2f} to {max(gaps):+.2f} dB; {times['ReDSR']} ms against {times['DnCNN+DANv2']} ms."
    return min(gaps) > 0 and times["ReDSR"] < times["DnCNN+DANv2"], words


@claim
def redsr_unseen() -> Result:
    drops = {name: (row[0] - row[3], row[0] - row[-1]) for name, row in REDSR["Table 4"].items()}
    words = "; ".join(f"{name} {a:.2f} and {b:.2f}" for name, (a, b) in drops.items())
    words = f"PSNR lost from the first to the fourth and to the last pair of widths, dB: {words}"
    return drops["ReDSR"][1] < STABLE, f"{words}; stable is taken as less than {STABLE:g} dB."


@claim
def redsr_energy_helps_dasr() -> Result:
    table = REDSR["Table 4"]
    gains = [a - b for a, b in zip(table["DASR + ED loss"], table["DASR"], strict=True)]
    return min(gains) > 0, "PSNR gained: " + ", ".join(f"{gain:+.2f}" for gain in gains) + " dB."
