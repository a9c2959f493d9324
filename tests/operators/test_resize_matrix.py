"""Resizing against MATLAB's algorithm written out, against weights computed by hand, and its conventions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from srtheory.operators import Resize, resize_matrix

from .oracles import KERNELS, matlab_imresize_matrix

FALLING = [987, 745, 399, 93, -49, -75, -45, -7]  # 1024 k(m / 8) at m = 1, 3, ... 15, k of Keys with a = -1/2


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("scale", "lengths"),
    [
        (2, (1, 2, 3, 7, 16, 17)),
        (3, (1, 2, 4, 15, 16, 17)),
        (4, (1, 3, 5, 16, 17, 18, 19)),
        (2.5, (1, 4, 5, 10, 23)),
        (1, (1, 5)),
        (1 / 2, (1, 2, 9)),
        (1 / 3, (1, 2, 9, 30)),
    ],
)
def test_matches_imresize(scale, lengths, kernel, antialias):
    for length in lengths:
        rows = math.ceil(round(length / scale, 6))
        expected = matlab_imresize_matrix(length, rows, 1 / scale, kernel, antialias)
        actual = resize_matrix(length, scale, kernel, antialias)
        assert actual.shape == (rows, length)
        assert actual.dtype == torch.float64
        np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=1e-13)


@given(
    length=st.integers(1, 30),
    scale=st.floats(0.3, 5.5),
    kernel=st.sampled_from(["bicubic", "bilinear", "lanczos3"]),  # the box jumps: rounding of the scale would show
    antialias=st.booleans(),
)
def test_matches_imresize_at_any_scale(length, scale, kernel, antialias):
    actual = resize_matrix(length, scale, kernel, antialias)
    assert abs(len(actual) - length / scale) < 1 + 1e-6
    expected = matlab_imresize_matrix(length, len(actual), 1 / scale, kernel, antialias)
    np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("scale", "kernel", "antialias", "row", "first", "weights"),
    [
        (2, "bicubic", True, 4, 5, np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256),
        (4, "bicubic", True, 3, 6, np.array(FALLING[::-1] + FALLING) / 4096),
        (2, "bicubic", False, 4, 7, np.array([-1, 9, 9, -1]) / 16),
        (3, "bicubic", False, 4, 13, [1.0]),
        (0.5, "bicubic", True, 16, 6, np.array([-3, 29, 111, -9]) / 128),
        (0.5, "bicubic", True, 17, 7, np.array([-9, 111, 29, -3]) / 128),
        (2, "bilinear", True, 4, 7, np.array([1, 3, 3, 1]) / 8),
        (3, "bilinear", True, 4, 11, np.array([1, 2, 3, 2, 1]) / 9),
        (0.5, "bilinear", True, 16, 7, [0.25, 0.75]),
        (2, "box", True, 4, 8, [0.5, 0.5]),
        (3, "box", True, 4, 12, [1 / 3, 1 / 3, 1 / 3]),
        (4, "box", True, 4, 16, [0.25] * 4),
        (0.5, "box", True, 16, 8, [1.0]),
        (3, "lanczos3", False, 4, 13, [1.0]),
    ],
)
def test_interior_weights_by_hand(scale, kernel, antialias, row, first, weights):
    expected = np.zeros(32)
    expected[first : first + len(weights)] = weights
    np.testing.assert_allclose(resize_matrix(32, scale, kernel, antialias)[row].numpy(), expected, atol=1e-15)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [2, 3, 4, 2.5, 1.1, 0.5, 1 / 3, 0.37])
def test_constants_are_preserved(scale, kernel, antialias):
    for length in (1, 2, 5, 12, 31):
        rows = resize_matrix(length, scale, kernel, antialias).sum(dim=1)
        torch.testing.assert_close(rows, torch.ones_like(rows), rtol=0, atol=1e-14)


@pytest.mark.parametrize("kernel", KERNELS)
def test_scale_one_changes_nothing(kernel):
    torch.testing.assert_close(resize_matrix(9, 1, kernel), torch.eye(9, dtype=torch.float64), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("length", "scale", "rows"),
    [(30, 1 / 3, 90), (5, 1 / 49, 245), (21, 0.7, 30), (84, 0.7, 120), (7, 0.1, 70), (22, 2.2, 10), (11, 1.1, 10)],
)
def test_rounding_of_the_scale_makes_no_extra_pixel(length, scale, rows):
    assert len(resize_matrix(length, scale)) == rows
    assert Resize(scale).lr_size((length, 1))[0] == rows


@pytest.mark.parametrize(
    ("scale", "kernel"),
    [(scale, kernel) for scale in (2, 3, 4) for kernel in KERNELS] + [(0.5, "bicubic"), (0.5, "bilinear")],
)
def test_convention_ramp_maps_to_pixel_centers(scale, kernel):
    ramp = torch.arange(60, dtype=torch.float64)
    small = resize_matrix(60, scale, kernel) @ ramp
    centers = (torch.arange(len(small), dtype=torch.float64) + 0.5) * scale - 0.5
    inside = slice(4, -4)
    torch.testing.assert_close(small[inside], centers[inside], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [2, 3, 4, 0.5, 1 / 3])
def test_convention_symmetric_picture_stays_symmetric(scale, kernel):
    matrix = resize_matrix(12, scale, kernel)
    torch.testing.assert_close(matrix, matrix.flip(0, 1), rtol=0, atol=1e-14)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [2, 3, 4, 0.5])
@pytest.mark.parametrize("length", [1, 2, 5, 12])
def test_convention_border_repeats_the_edge_pixel(length, scale, kernel):
    line = np.random.default_rng(0).normal(size=length)
    margin = 36
    padded = np.pad(line, margin, mode="symmetric")
    whole = resize_matrix(len(padded), scale, kernel).numpy() @ padded
    rows = resize_matrix(length, scale, kernel).numpy() @ line
    first = round(margin / scale)
    np.testing.assert_allclose(rows, whole[first : first + len(rows)], atol=1e-13)


@pytest.mark.parametrize(
    ("length", "scale", "kernel", "row", "weights"),
    [
        (5, 4, "box", 1, [0, 0, 0.25, 0.25, 0.5]),
        (4, 0.5, "bicubic", 0, [140 / 128, -12 / 128, 0, 0]),
        (4, 0.5, "bilinear", 0, [1, 0, 0, 0]),
        (4, 0.5, "bilinear", 7, [0, 0, 0, 1]),
        (8, 2, "bicubic", 0, np.array([140, 102, 26, -9, -3, 0, 0, 0]) / 256),
    ],
)
def test_convention_border_weights_by_hand(length, scale, kernel, row, weights):
    np.testing.assert_allclose(resize_matrix(length, scale, kernel)[row].numpy(), weights, atol=1e-15)


@pytest.mark.parametrize("scale", [2, 4])
def test_interior_equals_torch_interpolate(scale):
    hr = torch.rand(1, 2, 48, 64, dtype=torch.float64)
    ours = Resize(scale)(hr)
    theirs = interpolate(hr, scale_factor=1 / scale, mode="bicubic", antialias=True, align_corners=False)
    inside = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(ours[inside], theirs[inside], rtol=0, atol=1e-12)
    assert (ours - theirs).abs().max() > 1e-3  # torch cuts the kernel at the border; MATLAB mirrors the picture


def test_height_and_width_keep_their_places():
    hr = torch.rand(9, 16, dtype=torch.float64)
    lr = Resize(4)(hr)
    assert lr.shape == (3, 4)
    vertical, horizontal = (matlab_imresize_matrix(side, rows, 0.25, "bicubic") for side, rows in ((9, 3), (16, 4)))
    expected = vertical @ hr.numpy() @ horizontal.T
    np.testing.assert_allclose(lr.numpy(), expected, atol=1e-14)
