"""DECLoss, dense against tiled: time and memory of value and gradient, as ratios in one run, and a plot.

Patches of 8 x 8 x 3 from photographs. "usual" is the loss as one would write it first, whole matrices and a float32
mask; "compiled" is torch.compile of it. Jobs take turns, medians. Memory is the peak of a fresh process less its size
before the call (Linux). `--quick` stops at 4,096 patches; `--large` adds 65,536 patches, and patches of two pixels and
of one.
"""

import argparse
import ctypes
import math
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from srtheory import plots
from srtheory.data import photograph
from srtheory.losses import decloss

CROP = 128  # COO's crops: 256 patches of 8 x 8 each
MOST = {"dense": 16384, "usual": 16384, "compiled": 16384, "tiled": 65536}  # patches; beyond lie many GiB


def crops(count: int, size: int = CROP) -> tuple[Tensor, Tensor]:
    """Crops of photographs, and blurred versions of them."""
    names = ("astronaut", "chelsea", "coffee", "grass", "gravel", "brick")
    generator = torch.Generator().manual_seed(0)
    chosen = []
    for place in range(count):
        picture = photograph(names[place % len(names)]).float()
        top, left = (int(torch.randint(side - size + 1, (1,), generator=generator)) for side in (picture.shape[1:]))
        chosen.append(picture[:, top : top + size, left : left + size])
    hr = torch.stack(chosen)
    return torch.nn.functional.avg_pool2d(hr, 3, 1, 1), hr


def usual(sr: Tensor, hr: Tensor) -> Tensor:
    def cut(x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        return x.reshape(B, C, H // 8, 8, W // 8, 8).permute(0, 2, 4, 1, 3, 5).reshape(-1, 64 * C)

    p_hat, p = cut(sr), cut(hr)
    squares = p.square().sum(1)
    distance = (squares[:, None] + squares - 2 * p @ p.mT).clamp_min(0)
    positive = (-10 * distance.log10() >= 34) | torch.eye(len(p), dtype=torch.bool)
    u, v = (x / x.norm(dim=1, keepdim=True).clamp_min(math.sqrt(192) / 255) for x in (p_hat, p))
    score = (u @ u.mT).exp() + 2 * (v @ u.mT).exp()
    Q_pos, Q_neg = (torch.where(mask, score, 0).sum(1) for mask in (positive, ~positive))
    return -(Q_pos / 0.5 / (Q_neg / 1.5)).log().mean()


def loss_of(backend: str) -> Callable[[Tensor, Tensor], Tensor]:
    if backend == "usual":
        return usual
    if backend == "compiled":
        compiled: Callable[[Tensor, Tensor], Tensor] = torch.compile(usual)
        return compiled
    return lambda sr, hr: decloss(sr, hr, backend=backend)


def once(loss: Callable[[Tensor, Tensor], Tensor], sr: Tensor, hr: Tensor) -> tuple[float, Tensor, Tensor]:
    sr = sr.clone().requires_grad_()
    start = time.perf_counter()
    value = loss(sr, hr)
    (gradient,) = torch.autograd.grad(value, sr)
    return time.perf_counter() - start, value.detach(), gradient


def status(field: str) -> float:
    """MiB of a line of this process's status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def peak(backend: str, count: int) -> None:
    """Print the extra MiB that one value and gradient take, in this process."""
    loss = loss_of(backend)
    once(loss, *crops(2 if backend != "compiled" else count // 256))
    sr, hr = crops(count // 256)
    ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back, so that it is not used again unseen
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = status("VmRSS")
    once(loss, sr, hr)
    print(status("VmHWM") - before)


def extra_memory(backend: str, count: int) -> float:
    if not Path("/proc/self/clear_refs").exists():
        return math.nan
    command = [sys.executable, __file__, "--peak", backend, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return float(done.stdout.split()[-1])


def sweep(counts: list[int], out: Path) -> None:
    exact = {}
    times: dict[str, dict[int, float]] = {}
    memory: dict[str, dict[int, float]] = {}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, d = 192, value and gradient")
    print("patches   backend     seconds   times tiled   extra MiB   times tiled   gradient error")
    for count in counts:
        sr, hr = crops(count // 256)
        backends = [name for name, most in MOST.items() if count <= most]
        losses = {name: loss_of(name) for name in backends}
        for loss in losses.values():
            once(loss, sr, hr)  # compiles, warms up
        rounds = {name: [] for name in backends}  # type: dict[str, list[float]]
        for _ in range(5 if count <= 8192 else 1):
            for name in backends:
                rounds[name].append(once(losses[name], sr, hr)[0])
        if count <= 4096:
            exact[count] = once(loss_of("dense"), sr.double(), hr.double())[2]
        for name in backends:
            times.setdefault(name, {})[count] = statistics.median(rounds[name])
            memory.setdefault(name, {})[count] = extra_memory(name, count)
        for name in backends:
            error = "" if count not in exact else f"{relative(once(losses[name], sr, hr)[2], exact[count]):.0e}"
            print(
                f"{count:>7}   {name:9} {times[name][count]:9.2f} {times[name][count] / times['tiled'][count]:11.1f}"
                f"   {memory[name][count]:11.0f} {memory[name][count] / memory['tiled'][count]:11.1f}   {error:>14}",
                flush=True,
            )
    for what, found, unit in (("time", times, "seconds"), ("memory", memory, "extra MiB")):
        lines = {name: (list(row), list(row.values())) for name, row in found.items()}
        picture = plots.curves(lines, "patches", unit, logx=True, logy=True, markers=True)
        path = out / f"decloss_{what}.png"
        path.write_bytes(picture._repr_png_())
        print(f"drawn: {path}")


def relative(found: Tensor, exact: Tensor) -> float:
    return float((found.double() - exact).norm() / exact.norm())


def small_patches() -> None:
    """v1's smallest patches: P = 2 on 16 crops of 192 x 192, and P = 1 on one; larger ones extrapolated."""
    for patch_size, count in ((1, 1), (2, 1), (2, 4), (2, 16)):
        sr, hr = crops(count, 192)
        patches = count * (192 // patch_size) ** 2
        loss = partial(decloss, patch_size=patch_size, backend="tiled")
        seconds, value, gradient = once(loss, sr, hr)
        print(
            f"P = {patch_size}, {count:>2} crops of 192 x 192: {patches:>6} patches, {seconds:.1f} s, "
            f"loss {float(value):.4f}, gradient finite: {bool(gradient.isfinite().all())}; "
            f"one whole matrix would hold {patches**2 * 4 / 2**30:.1f} GiB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("_build"), help="folder of the plots")
    parser.add_argument("--peak", nargs=2, metavar=("BACKEND", "PATCHES"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="torch")
    if arguments.peak:
        peak(arguments.peak[0], int(arguments.peak[1]))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    counts = [2048, 4096] if arguments.quick else [2048, 4096, 8192, *([16384, 65536] if arguments.large else [])]
    sweep(counts, arguments.out)
    if arguments.large:
        small_patches()


if __name__ == "__main__":
    main()
