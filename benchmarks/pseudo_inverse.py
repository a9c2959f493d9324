"""The exact pseudo-inverses against conjugate gradients and against deepinv: time and accuracy, as ratios in one run.

Times depend on the machine and are printed, never asserted; accuracy is asserted. One thread. `--quick` takes small
pictures. The last part needs deepinv, and is skipped where it is absent.
"""

import argparse
import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor

from srtheory.data import photograph
from srtheory.metrics import psnr
from srtheory.operators import BlurDownsample, LinearOperator, Resize

TOLERANCE = 1e-6
SCALE = 4
SHORT = {torch.float64: "float64", torch.float32: "float32"}
COLUMNS = "{:<23}{:>11}{:>13}{:>9}{:>11}{:>10}"
HEADER = COLUMNS.format("", "iterations", "milliseconds", "ratio", "residual", "error")
LIBRARIES: list[torch.library.Library] = []  # declarations last as long as these objects


def conjugate_gradients(A: LinearOperator, y: Tensor, cap: int) -> tuple[Tensor, int]:
    """Solve A A^T z = y to a relative residual of 1e-6 and return A^T z, with the number of iterations."""
    z, r, p = torch.zeros_like(y), y.clone(), y.clone()
    power = r.square().sum()
    goal = TOLERANCE**2 * power
    iterations = 0
    while power > goal and iterations < cap:
        q = A(A.adjoint(p))
        step = power / (p * q).sum()
        z += step * p
        r -= step * q
        power, before = r.square().sum(), power
        p = r + power / before * p
        iterations += 1
    return A.adjoint(z), iterations


def measure(repetitions: int, *jobs: Callable[[], object]) -> list[float]:
    """Return the median seconds of each job; the jobs take turns, so that another load falls on all of them."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for _ in range(repetitions):
        for job, times in zip(jobs, seconds, strict=True):
            start = time.perf_counter()
            job()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in seconds]


def distance(x: Tensor, truth: Tensor) -> float:
    return ((x.double() - truth).norm() / truth.norm()).item()


def row(name: str, seconds: float, ratio: float, accuracy: tuple[float, float] | None, iterations: int = 0) -> str:
    figures = ("", "") if accuracy is None else (f"{figure:.1e}" for figure in accuracy)
    return COLUMNS.format(name, iterations or "", f"{1e3 * seconds:.2f}", f"{ratio:.1f}", *figures).rstrip()


def compare(A: LinearOperator, fresh: Callable[[], LinearOperator], lr: Tensor, cap: int, repetitions: int) -> None:
    """Print pinv and conjugate gradients of the same operator on the same LR, in float64 and float32."""
    exact = A.pinv(lr)
    print(HEADER)
    for dtype, name in SHORT.items():
        y = lr.to(dtype)
        x, (x_cg, iterations) = A.pinv(y), conjugate_gradients(A, y, cap)
        once, again, cg = measure(
            repetitions,
            lambda y=y: fresh().pinv(y),
            lambda y=y: A.pinv(y),
            lambda y=y: conjugate_gradients(A, y, cap),
        )
        residual, residual_cg = distance(A(x.double()), lr), distance(A(x_cg.double()), lr)
        print(row(f"pinv, {name}", again, 1, (residual, distance(x, exact))))
        print(row("  its first call", once, once / again, None))
        print(row("  conjugate gradients", cg, cg / again, (residual_cg, distance(x_cg, exact)), iterations))
        print(f"  Conjugate gradients take {cg / once:.1f} times the first call, which makes the factors")
        if iterations == cap:
            print(f"  Conjugate gradients did not converge within {cap} iterations")
        assert residual < (1e-12 if dtype == torch.float64 else 1e-5)


def tiled_photograph(height: int, width: int) -> Tensor:
    picture = photograph("coffee")
    return picture.repeat(1, -(-height // picture.shape[1]), -(-width // picture.shape[2]))[:, :height, :width]


def gaussian(sigma: float, taps: int = 21) -> Tensor:
    line = torch.exp(-((torch.arange(taps, dtype=torch.float64) - taps // 2) ** 2) / (2 * sigma**2))
    return torch.outer(line, line) / line.sum() ** 2


def benchmark_resize(quick: bool, repetitions: int) -> None:
    height, width = (336, 512) if quick else (1356, 2040)
    print(f"\n1. Resize({SCALE}), MATLAB's bicubic, a photograph of 3x{height}x{width}")
    A = Resize(SCALE)
    values = A.singular_values((height, width))
    print(f"Condition number {values[0] / values[-1]:.2f}")
    compare(A, lambda: Resize(SCALE), A(tiled_photograph(height, width)), 2000, repetitions)


def benchmark_blur(quick: bool, repetitions: int) -> None:
    side, cap = (64, 200) if quick else (256, 2000)
    hr = photograph("astronaut")[:, 30 : 30 + side, 150 : 150 + side].contiguous()
    for sigma in (1.8, 4.0):
        print(f"\n2, sigma {sigma}. BlurDownsample, 21x21 Gaussian, scale {SCALE}, a photograph of 3x{side}x{side}")
        kernel = gaussian(sigma)
        A = BlurDownsample(kernel, SCALE)
        values = A.singular_values((side, side))
        print(f"Condition number {values[0] / values[-1]:.4g} here, {A.condition_number:.4g} on a large picture")
        lr = A(hr)
        compare(A, lambda kernel=kernel: BlurDownsample(kernel, SCALE), lr, cap, repetitions)
        truncate(kernel, values, hr, lr)


def truncate(kernel: Tensor, values: Tensor, hr: Tensor, lr: Tensor) -> None:
    """Print what rcond costs on an exact LR, and what it saves on an LR of 8 bits."""
    rounded = (lr * 255).round() / 255
    noise = distance(rounded, lr)
    print(f"What rcond costs and what it saves; rounding the LR to 8 bits changes it by {noise:.1e} of its norm")
    columns = "{:>7}{:>12}{:>10}{:>12}{:>11}{:>15}{:>15}{:>15}"
    titles = ("rcond", "values cut", "residual", "in float32", "PSNR", "PSNR, 8 bits", "error, 8 bits", "amplification")
    print(columns.format(*titles))
    for rcond in (0.0, 1e-3, 1e-2):
        A = BlurDownsample(kernel, SCALE, rcond=rcond)
        x, x_rounded = A.pinv(lr), A.pinv(rounded)
        error = distance(x_rounded, x)
        print(
            columns.format(
                f"{rcond:g}",
                f"{(values <= rcond * values[0]).double().mean():.1%}",
                f"{distance(A(x), lr):.1e}",
                f"{distance(A(A.pinv(lr.float()).double()), lr):.1e}",
                f"{psnr(x, hr):.2f} dB",
                f"{psnr(x_rounded, hr):.2f} dB",
                f"{error:.1e}",
                f"{error / noise:.1f}",
            )
        )


def import_deepinv() -> ModuleType | None:
    """Return deepinv, or None after saying why not."""
    if importlib.util.find_spec("deepinv") is None:
        print("skipped: deepinv is not installed (try it in an environment of its own)")
        return None
    try:
        import torchvision  # noqa: F401
    except Exception:
        # A torchvision built for CUDA does not import on CPU torch for want of two operators: declare them.
        LIBRARIES.append(torch.library.Library("torchvision", "DEF"))
        for name in ("nms", "qnms"):
            LIBRARIES[-1].define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        with warnings.catch_warnings(action="ignore"):
            import deepinv
    except Exception as error:
        print(f"skipped: deepinv does not import ({error})")
        return None
    return deepinv


def benchmark_deepinv(quick: bool, repetitions: int) -> None:
    height, width = (84, 128) if quick else (340, 512)
    print(f"\n3. The same bicubic, x{SCALE}, in deepinv, float32, a photograph of 3x{height}x{width}")
    deepinv = import_deepinv()
    if deepinv is None:
        return
    A, physics = Resize(SCALE), deepinv.physics.DownsamplingMatlab(factor=SCALE)
    hr = tiled_photograph(height, width).float()
    lr = A(hr)
    same = distance(physics.A(hr[None])[0], lr.double())
    default = physics.tol
    print(f"deepinv {deepinv.__version__}: tolerance {default:g} and at most {physics.max_iter} iterations by default")
    print(f"The LR of the two operators differ by {same:.1e} of their norm")
    assert same < 1e-5
    exact = A.pinv(lr.double())
    jobs = {
        "pinv": lambda: A.pinv(lr),
        "  its first call": lambda: Resize(SCALE).pinv(lr),
        "A_dagger, by default": lambda: physics.A_dagger(lr[None], tol=default)[0],
        f"A_dagger, tol={TOLERANCE:g}": lambda: physics.A_dagger(lr[None], tol=TOLERANCE)[0],
    }
    results = [job() for job in jobs.values()]
    seconds = measure(repetitions, *jobs.values())
    print(HEADER)
    for name, x, median in zip(jobs, results, seconds, strict=True):
        print(row(name, median, median / seconds[0], (distance(A(x.double()), lr.double()), distance(x, exact))))


def main() -> None:
    parser = argparse.ArgumentParser(description="Exact pseudo-inverses against conjugate gradients and deepinv.")
    parser.add_argument("--quick", action="store_true", help="small pictures")
    parser.add_argument("--repetitions", type=int, default=5, help="medians are over this many (default: 5)")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(f"Median times of {chosen.repetitions} repetitions, one thread, torch {torch.__version__}.")
    print("Ratio: to the time of pinv once its factors are made. Residual: |A x - y| / |y|, A and y in float64.")
    print("Error: relative distance to the pseudo-inverse in float64. PSNR: luma, border of 4 cropped, not clipped.")
    print(f"Conjugate gradients solve A A^T z = y to a relative residual of {TOLERANCE:g}, then take A^T z.")
    benchmark_resize(chosen.quick, chosen.repetitions)
    benchmark_blur(chosen.quick, chosen.repetitions)
    benchmark_deepinv(chosen.quick, chosen.repetitions)


if __name__ == "__main__":
    main()
