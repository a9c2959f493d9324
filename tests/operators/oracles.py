"""Slow float64 transcriptions of the definitions, and the operators that the laws are tested on."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from srtheory.operators import BlurDownsample, LinearOperator, MatrixOperator, Resize

Size = tuple[int, int]
KERNELS = ("bicubic", "bilinear", "box", "lanczos3")


def matlab_kernel(name: str, x: float) -> float:
    """The kernels of imresize.m, for one number."""
    a = abs(x)
    if name == "box":
        return 1.0 if -0.5 <= x < 0.5 else 0.0
    if name == "bilinear":
        return x + 1 if -1 <= x < 0 else 1 - x if 0 <= x <= 1 else 0.0
    if name == "bicubic":
        if a <= 1:
            return 1.5 * a**3 - 2.5 * a**2 + 1
        return -0.5 * a**3 + 2.5 * a**2 - 4 * a + 2 if a <= 2 else 0.0
    if a >= 3:
        return 0.0
    eps = np.finfo(float).eps
    return (math.sin(math.pi * x) * math.sin(math.pi * x / 3) + eps) / (math.pi**2 * x**2 / 3 + eps)


def matlab_imresize_matrix(n_in: int, n_out: int, scale: float, name: str, antialias: bool = True) -> np.ndarray:
    """The function `contributions` of imresize.m, pixel by pixel, counted from 1; its scale is output over input."""
    width = {"box": 1.0, "bilinear": 2.0, "bicubic": 4.0, "lanczos3": 6.0}[name]
    widen = antialias and scale < 1
    if widen:
        width = width / scale
    aux = [*range(1, n_in + 1), *range(n_in, 0, -1)]
    result = np.zeros((n_out, n_in))
    for i in range(1, n_out + 1):
        u = i / scale + 0.5 * (1 - 1 / scale)
        left = math.floor(u - width / 2)
        indices = [left + tap for tap in range(math.ceil(width) + 2)]
        weights = [
            matlab_kernel(name, scale * (u - j)) * scale if widen else matlab_kernel(name, u - j) for j in indices
        ]
        for j, weight in zip(indices, weights, strict=True):
            result[i - 1, aux[(j - 1) % len(aux)] - 1] += weight / sum(weights)
    return result


def resize_dense(size: Size, scale: float, name: str, antialias: bool = True) -> np.ndarray:
    factors = []
    for side in size:
        n_out = max(math.ceil(round(side / scale, 6)), 1)
        factors.append(matlab_imresize_matrix(side, n_out, 1 / scale, name, antialias))
    return np.kron(*factors)


def blur_dense(size: Size, kernel: np.ndarray, scale: int, phase: Size) -> np.ndarray:
    """y_i = sum_t k_t x[(s i + p - t) mod n] in both axes, t from the kernel's center (kh // 2, kw // 2)."""
    (height, width), (kh, kw) = size, kernel.shape
    h, w = height // scale, width // scale
    result = np.zeros((h * w, height * width))
    for i, j, a, b in itertools.product(range(h), range(w), range(kh), range(kw)):
        row = (scale * i + phase[0] - (a - kh // 2)) % height
        column = (scale * j + phase[1] - (b - kw // 2)) % width
        result[i * w + j, row * width + column] += kernel[a, b]
    return result


@dataclass(frozen=True)
class Case:
    """An operator, a size that it takes, its dense matrix made without it, and the cutoff of its pseudo-inverse."""

    name: str
    make: Callable[[], LinearOperator]
    hr: Size
    lr: Size
    dense: Callable[[], np.ndarray]
    rcond: float = 1e-12
    truncated: bool = False

    def __str__(self) -> str:
        return self.name


def resize_case(size: Size, scale: float, kernel: str, antialias: bool = True) -> Case:
    lr = tuple(max(math.ceil(round(side / scale, 6)), 1) for side in size)
    return Case(
        f"{kernel}-{scale:.3g}-{size[0]}x{size[1]}{'' if antialias else '-no-antialias'}",
        lambda: Resize(scale, kernel, antialias),
        size,
        lr,
        lambda: resize_dense(size, scale, kernel, antialias),
    )


def blur_case(
    name: str, kernel: list[list[float]], scale: int, size: Size, phase: Size = (0, 0), rcond: float = 0.0
) -> Case:
    taps = np.array(kernel)
    return Case(
        f"blur-{name}",
        lambda: BlurDownsample(torch.tensor(kernel, dtype=torch.float64), scale, phase, rcond),
        size,
        (size[0] // scale, size[1] // scale),
        lambda: blur_dense(size, taps, scale, phase),
        rcond or 1e-12,
        rcond > 0,
    )


def matrix_case(
    name: str, matrix: np.ndarray, hr: Size, lr: Size, rcond: float | None = None, truncated: bool = False
) -> Case:
    return Case(
        f"matrix-{name}",
        lambda: MatrixOperator(torch.from_numpy(matrix), hr, lr, rcond),
        hr,
        lr,
        lambda: matrix,
        rcond or 1e-12,
        truncated,
    )


ASYMMETRIC = [[1.0, 2.0, -0.5], [0.25, 4.0, 1.5], [0.0, -1.0, 0.75]]
EVEN = [[1.0, 3.0, 2.0, 0.5], [0.5, 2.0, -1.0, 0.25]]
LARGE = np.random.default_rng(7).normal(size=(9, 11)).tolist()
GAUSSIAN = np.outer(*[np.exp(-(np.arange(-3, 4) ** 2) / 2.0)] * 2).tolist()
SIZES = {
    2: [(8, 6), (9, 7), (3, 2)],
    3: [(9, 6), (10, 8), (4, 2)],
    4: [(8, 12), (11, 9), (3, 5)],
    0.5: [(4, 5), (1, 3)],
}

_random = np.random.default_rng(3)
_wide, _tall, _thin = _random.normal(size=(6, 12)), _random.normal(size=(12, 6)), _random.normal(size=(6, 2))

CASES = [
    *(resize_case(size, scale, kernel) for kernel in KERNELS for scale, sizes in SIZES.items() for size in sizes),
    resize_case((11, 8), 2.5, "bicubic"),
    resize_case((6, 5), 1 / 3, "lanczos3"),
    resize_case((9, 8), 2, "bicubic", antialias=False),
    resize_case((9, 10), 4, "lanczos3", antialias=False),
    blur_case("asymmetric", ASYMMETRIC, 2, (6, 8)),
    blur_case("asymmetric-phase", ASYMMETRIC, 3, (6, 9), phase=(2, 1)),
    blur_case("even-kernel", EVEN, 2, (6, 4), phase=(0, 1)),
    blur_case("kernel-larger-than-picture", LARGE, 2, (4, 6), phase=(1, 1)),
    blur_case("one-row", EVEN, 2, (2, 8)),
    blur_case("no-downsampling", ASYMMETRIC, 1, (5, 4)),
    blur_case("lost-frequencies", [[1.0, 1.0], [1.0, 1.0]], 1, (4, 6)),
    blur_case("lost-but-for-rounding", [[1 / 7] * 7], 1, (2, 14)),
    blur_case("gaussian", GAUSSIAN, 2, (8, 10)),
    blur_case("truncated", GAUSSIAN, 2, (12, 10), rcond=0.2),
    matrix_case("wide", _wide, (3, 4), (2, 3)),
    matrix_case("tall", _tall, (2, 3), (3, 4)),
    matrix_case("rank-two", _thin @ _thin.T, (2, 3), (3, 2)),
    matrix_case("truncated", _wide, (3, 4), (2, 3), rcond=0.5, truncated=True),
]


def flat(x: torch.Tensor) -> np.ndarray:
    """(..., H, W) -> (..., H*W)"""
    return x.detach().flatten(-2).numpy()
