"""One row for each thing that can be wrong: what is called, what is raised, and what the message names."""

import numpy as np
import pytest
import torch

from srtheory.operators import BlurDownsample, MatrixOperator, Resize, resize_matrix

NAN, INF = float("nan"), float("inf")
HR, LR = torch.rand(8, 8), torch.rand(4, 4)
KERNEL, MATRIX = torch.ones(3, 3), torch.rand(4, 6)
R, B, M = Resize(2), BlurDownsample(KERNEL, 2), MatrixOperator(MATRIX, (2, 3), (2, 2))
SINGLE = {
    "A": R,
    "adjoint": R.adjoint,
    "pinv": R.pinv,
    "project_range": R.project_range,
    "project_null": R.project_null,
}

PICTURES = [
    (f"{method} {name}", lambda function=function, bad=bad: function(bad), error, fragment)
    for method, function in SINGLE.items()
    for name, bad, error, fragment in [
        ("array", np.zeros((4, 4)), TypeError, "not ndarray"),
        ("list", [[0.0]], TypeError, "not list"),
        ("none", None, TypeError, "not NoneType"),
        ("8 bits", torch.zeros(4, 4, dtype=torch.uint8), TypeError, "torch.uint8"),
        ("bool", torch.zeros(4, 4, dtype=torch.bool), TypeError, "torch.bool"),
        ("complex", torch.zeros(4, 4, dtype=torch.complex64), TypeError, "torch.complex64"),
        ("one dimension", torch.zeros(4), ValueError, "(4,)"),
        ("no dimension", torch.tensor(1.0), ValueError, "()"),
        ("no row", torch.zeros(3, 0, 4), ValueError, "(3, 0, 4)"),
        ("no column", torch.zeros(4, 0), ValueError, "(4, 0)"),
    ]
]

ROWS = [
    *PICTURES,
    ("consistent sr array", lambda: R.consistent(np.zeros((8, 8)), LR), TypeError, "sr must be a torch tensor"),
    ("consistent lr array", lambda: R.consistent(HR, np.zeros((4, 4))), TypeError, "lr must be a torch tensor"),
    ("consistent sr 8 bits", lambda: R.consistent(HR.byte(), LR), TypeError, "sr has dtype torch.uint8"),
    ("consistent lr 8 bits", lambda: R.consistent(HR, LR.byte()), TypeError, "lr.float() / 255"),
    ("consistent lr empty", lambda: R.consistent(HR, LR[:0]), ValueError, "lr has shape (0, 4)"),
    ("consistent lr size", lambda: R.consistent(HR, torch.rand(4, 5)), ValueError, "lr is 4x5"),
    ("consistent one lr pixel", lambda: R.consistent(HR, torch.rand(1, 1)), ValueError, "lr is 1x1"),
    ("pinv size", lambda: R.pinv(LR, size=(9, 8)), ValueError, "9x8"),
    ("pinv size with the way out", lambda: R.pinv(LR, size=(9, 8)), ValueError, "pass size=(H, W)"),
    ("adjoint size", lambda: R.adjoint(LR, size=(8, 12)), ValueError, "8x12"),
    ("adjoint names lr", lambda: R.adjoint(LR[0]), ValueError, "lr has shape"),
    ("enlarged odd side", lambda: Resize(0.5).pinv(torch.rand(3, 4)), ValueError, "lr is 3x4"),
    ("size of one side", lambda: R.pinv(LR, size=(8,)), ValueError, "size must be two positive whole numbers"),
    ("size of three sides", lambda: R.lr_size((8, 8, 8)), ValueError, "(8, 8, 8)"),
    ("size zero", lambda: R.hr_size((0, 4)), ValueError, "(0, 4)"),
    ("size negative", lambda: R.singular_values((4, -4)), ValueError, "(4, -4)"),
    ("size of fractions", lambda: R.matrix((4.0, 4.0)), ValueError, "(4.0, 4.0)"),
    ("size a number", lambda: R.matrix(4), ValueError, "not 4"),
    ("matrix too large", lambda: R.matrix((400, 400)), ValueError, "size 400x400"),
    ("matrix too large with the way out", lambda: R.matrix((400, 400)), ValueError, "need no matrix"),
    ("Resize scale zero", lambda: Resize(0), ValueError, "scale must be a number from 1/4096 to 4096"),
    ("Resize scale negative", lambda: Resize(-2.0), ValueError, "-2.0"),
    ("Resize scale nan", lambda: Resize(NAN), ValueError, "nan"),
    ("Resize scale inf", lambda: Resize(INF), ValueError, "inf"),
    ("Resize scale text", lambda: Resize("4"), ValueError, "'4'"),
    ("Resize scale bool", lambda: Resize(True), ValueError, "True"),
    ("Resize scale none", lambda: Resize(None), ValueError, "None"),
    ("Resize kernel", lambda: Resize(2, "cubic"), ValueError, "'bicubic'"),
    ("Resize kernel named", lambda: Resize(2, "cubic"), ValueError, "not 'cubic'"),
    ("resize_matrix length zero", lambda: resize_matrix(0, 2), ValueError, "length must be a positive whole number"),
    ("resize_matrix length negative", lambda: resize_matrix(-3, 2), ValueError, "-3"),
    ("resize_matrix length fraction", lambda: resize_matrix(4.0, 2), ValueError, "4.0"),
    ("resize_matrix scale", lambda: resize_matrix(4, 0), ValueError, "scale must be a number from 1/4096 to 4096"),
    ("resize_matrix scale inf", lambda: resize_matrix(4, INF), ValueError, "inf"),
    ("resize_matrix scale nan", lambda: resize_matrix(4, NAN), ValueError, "nan"),
    ("resize_matrix kernel", lambda: resize_matrix(4, 2, "lanczos"), ValueError, "'lanczos3'"),
    ("Blur kernel array", lambda: BlurDownsample(np.ones((3, 3)), 2), TypeError, "not ndarray"),
    ("Blur kernel complex", lambda: BlurDownsample(KERNEL * 1j, 2), TypeError, "complex64"),
    ("Blur kernel 1-D", lambda: BlurDownsample(torch.ones(3), 2), ValueError, "kernel has shape (3,)"),
    ("Blur kernel 4-D", lambda: BlurDownsample(torch.ones(1, 1, 3, 3), 2), ValueError, "(1, 1, 3, 3)"),
    ("Blur kernel empty", lambda: BlurDownsample(torch.ones(0, 3), 2), ValueError, "(0, 3)"),
    ("Blur kernel nan", lambda: BlurDownsample(KERNEL * NAN, 2), ValueError, "kernel must be finite"),
    ("Blur kernel inf", lambda: BlurDownsample(KERNEL * INF, 2), ValueError, "kernel must be finite"),
    ("Blur kernel zero", lambda: BlurDownsample(KERNEL * 0, 2), ValueError, "not all zero"),
    ("Blur scale zero", lambda: BlurDownsample(KERNEL, 0), ValueError, "scale must be a positive whole number"),
    ("Blur scale fraction", lambda: BlurDownsample(KERNEL, 2.0), ValueError, "2.0"),
    ("Blur scale bool", lambda: BlurDownsample(KERNEL, True), ValueError, "True"),
    ("Blur phase too large", lambda: BlurDownsample(KERNEL, 2, 2), ValueError, "phase must be from 0 to scale - 1 = 1"),
    ("Blur phase negative", lambda: BlurDownsample(KERNEL, 2, -1), ValueError, "-1"),
    ("Blur phases too large", lambda: BlurDownsample(KERNEL, 3, (0, 3)), ValueError, "(0, 3)"),
    ("Blur three phases", lambda: BlurDownsample(KERNEL, 2, (0, 0, 0)), ValueError, "(0, 0, 0)"),
    ("Blur phase fraction", lambda: BlurDownsample(KERNEL, 2, 0.5), ValueError, "phase must be"),
    ("Blur phases fractions", lambda: BlurDownsample(KERNEL, 2, (0.5, 0.5)), ValueError, "phase must be"),
    ("Blur phase none", lambda: BlurDownsample(KERNEL, 2, None), ValueError, "phase must be"),
    (
        "Blur rcond one",
        lambda: BlurDownsample(KERNEL, 2, rcond=1.0),
        ValueError,
        "rcond must be at least 0 and below 1",
    ),
    ("Blur rcond negative", lambda: BlurDownsample(KERNEL, 2, rcond=-0.1), ValueError, "-0.1"),
    ("Blur rcond nan", lambda: BlurDownsample(KERNEL, 2, rcond=NAN), ValueError, "nan"),
    ("Blur size", lambda: B(torch.rand(8, 9)), ValueError, "8x9 does not divide by scale 2"),
    ("Blur size with the way out", lambda: B(torch.rand(8, 9)), ValueError, "crop or pad it to 8x8"),
    ("Blur project_range size", lambda: B.project_range(torch.rand(7, 8)), ValueError, "7x8"),
    ("Blur project_null size", lambda: B.project_null(torch.rand(7, 8)), ValueError, "7x8"),
    ("Blur pinv size", lambda: B.pinv(LR, size=(9, 8)), ValueError, "9x8"),
    ("Blur pinv of another size", lambda: B.pinv(LR, size=(8, 10)), ValueError, "8x10"),
    ("Blur singular_values", lambda: B.singular_values((7, 8)), ValueError, "7x8"),
    ("Blur matrix size", lambda: B.matrix((7, 8)), ValueError, "7x8"),
    ("Blur consistent", lambda: B.consistent(HR, torch.rand(4, 5)), ValueError, "lr is 4x5"),
    ("Matrix array", lambda: MatrixOperator(np.ones((4, 6))), TypeError, "not ndarray"),
    ("Matrix complex", lambda: MatrixOperator(MATRIX * 1j), TypeError, "complex64"),
    ("Matrix 1-D", lambda: MatrixOperator(torch.ones(4)), ValueError, "matrix has shape (4,)"),
    ("Matrix empty", lambda: MatrixOperator(torch.ones(4, 0)), ValueError, "(4, 0)"),
    ("Matrix nan", lambda: MatrixOperator(MATRIX * NAN), ValueError, "matrix must be finite"),
    ("Matrix hr_size", lambda: MatrixOperator(MATRIX, hr_size=(2, 4)), ValueError, "hr_size 2x4 has 8 pixels"),
    ("Matrix lr_size", lambda: MatrixOperator(MATRIX, lr_size=(3, 2)), ValueError, "lr_size 3x2 has 6 pixels"),
    ("Matrix hr_size zero", lambda: MatrixOperator(MATRIX, hr_size=(0, 6)), ValueError, "hr_size must be two"),
    ("Matrix rcond one", lambda: MatrixOperator(MATRIX, rcond=1), ValueError, "rcond must be"),
    ("Matrix rcond nan", lambda: MatrixOperator(MATRIX, rcond=NAN), ValueError, "nan"),
    ("Matrix picture size", lambda: M(torch.rand(3, 2)), ValueError, "(2, 3)"),
    ("Matrix pinv size", lambda: M.pinv(torch.rand(1, 4)), ValueError, "(2, 2)"),
    ("Matrix adjoint size", lambda: M.adjoint(torch.rand(2, 2), size=(3, 2)), ValueError, "(2, 3)"),
    ("Matrix singular_values", lambda: M.singular_values((3, 2)), ValueError, "(2, 3)"),
    ("Matrix matrix size", lambda: M.matrix((3, 2)), ValueError, "(2, 3)"),
    ("Matrix consistent", lambda: M.consistent(torch.rand(2, 3), torch.rand(1, 4)), ValueError, "lr is 1x4"),
]


@pytest.mark.parametrize(("call", "error", "fragment"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(call, error, fragment):
    with pytest.raises(error) as caught:
        call()
    assert fragment in str(caught.value)


def test_after_an_error_the_operator_still_works():
    A = Resize(2)
    with pytest.raises(ValueError, match="9x8"):
        A.pinv(LR, size=(9, 8))
    assert torch.equal(A.pinv(LR), Resize(2).pinv(LR))


def test_consistent_needs_equal_batches():
    with pytest.raises(ValueError, match="batch and channels must be the same"):
        Resize(2).consistent(torch.rand(2, 4, 4), torch.rand(3, 2, 2))
