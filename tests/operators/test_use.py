"""Operators as people use them: batches, dtypes, autocast, inference mode, copies, several sizes in one instance."""

import copy
import gc
import itertools
import pickle

import pytest
import torch
from torch import Tensor

from srtheory.operators import BlurDownsample, LinearOperator, MatrixOperator, Resize, resize_matrix

HR, LR = (8, 12), (4, 6)
MATRIX = torch.randn(24, 96, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
KERNEL = torch.tensor([[1.0, 2.0, 0.5], [3.0, 9.0, 1.0], [0.0, 1.0, 2.0]]) / 20
MAKERS = {
    "resize": lambda: Resize(2),
    "box": lambda: Resize(2, "box"),
    "blur": lambda: BlurDownsample(KERNEL, 2, phase=1),
    "matrix": lambda: MatrixOperator(MATRIX, HR, LR),
}
every_operator = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
every_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)


def results(A: LinearOperator, hr: Tensor, lr: Tensor) -> dict[str, Tensor]:
    return {
        "A": A(hr),
        "adjoint": A.adjoint(lr),
        "pinv": A.pinv(lr),
        "range": A.project_range(hr),
        "null": A.project_null(hr),
        "consistent": A.consistent(hr, lr),
    }


def inputs(*batch: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    hr, lr = (torch.rand(*batch, *size, dtype=torch.float64) for size in (HR, LR))
    return hr.to(dtype), lr.to(dtype)


@every_operator
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (2, 1, 3)])
def test_each_picture_of_a_batch_is_treated_alone(make, batch):
    A = make()
    hr, lr = inputs(*batch)
    whole = results(A, hr, lr)
    for index in itertools.product(*map(range, batch)):
        alone = results(A, hr[index], lr[index])
        for name, value in whole.items():
            assert value.shape[:-2] == batch
            torch.testing.assert_close(value[index], alone[name], rtol=0, atol=1e-13, msg=name)


@every_operator
def test_an_empty_batch_is_a_batch(make):
    for name, value in results(make(), *inputs(0, 3)).items():
        assert value.shape == (0, 3, *(LR if name == "A" else HR))


@every_operator
def test_strides_do_not_matter(make):
    A = make()
    hr, lr = inputs(2, 3)
    expected = results(A, hr, lr)
    strided = results(A, hr.mT.contiguous().mT, lr.to(memory_format=torch.channels_last))
    for name, value in strided.items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-13, msg=name)


@every_operator
def test_inputs_are_left_as_they_are(make):
    hr, lr = inputs(2)
    before = hr.clone(), lr.clone()
    results(make(), hr, lr)
    assert torch.equal(hr, before[0])
    assert torch.equal(lr, before[1])


@every_dtype
@every_operator
def test_dtype_is_kept_and_its_precision_used(make, dtype):
    A = make()
    hr, lr = inputs(2, dtype=dtype)
    exact = results(A, hr.double(), lr.double())
    for name, value in results(A, hr, lr).items():
        assert value.dtype == dtype, name
        allowed = 30 * torch.finfo(dtype).eps * max(1, exact[name].abs().max().item())
        assert (value.double() - exact[name]).abs().max() <= allowed, name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every_operator
def test_half_precision_rounds_once(make, dtype):
    A = make()
    hr, lr = inputs(2, dtype=dtype)
    for actual, exact in [
        (A(hr), A(hr.double())),
        (A.adjoint(lr), A.adjoint(lr.double())),
        (A.pinv(lr), A.pinv(lr.double())),
    ]:
        allowed = 0.51 * torch.finfo(dtype).eps * exact.abs().max()
        assert (actual.double() - exact).abs().max() <= allowed + 1e-5


@every_operator
def test_autocast_changes_nothing(make):
    A = make()
    hr, lr = inputs(2, dtype=torch.float32)
    expected = results(A, hr, lr)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (hr @ hr.mT).dtype == torch.bfloat16
        fresh, again = results(make(), hr, lr), results(A, hr, lr)
        singular = make().singular_values(HR)
    for name, value in expected.items():
        assert torch.equal(fresh[name], value), name
        assert torch.equal(again[name], value), name
    assert torch.equal(singular, A.singular_values(HR))


@every_operator
def test_gradients_through_autocast_are_exact(make):
    A = make()
    hr, lr = inputs(dtype=torch.float32)
    hr.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = (A(hr) * lr).sum()
    (gradient,) = torch.autograd.grad(loss, hr)
    torch.testing.assert_close(gradient, A.adjoint(lr), rtol=0, atol=1e-6)


@every_operator
def test_first_used_in_inference_mode_then_trained(make):
    A = make()
    hr, lr = inputs()
    with torch.inference_mode():
        results(A, hr, lr)
        A.singular_values(HR)
    check_that_it_trains(A, hr, lr)


@every_operator
def test_made_in_inference_mode_then_trained(make):
    hr, lr = inputs()
    with torch.inference_mode():
        A = make()
    check_that_it_trains(A, hr, lr)


def check_that_it_trains(A: LinearOperator, hr: Tensor, lr: Tensor) -> None:
    hr, lr = hr.requires_grad_(), lr.requires_grad_()
    for name, value in results(A, hr, lr).items():
        gradients = torch.autograd.grad(value.square().sum(), (hr, lr), allow_unused=True)
        assert any(gradient is not None and gradient.abs().max() > 0 for gradient in gradients), name


@every_operator
def test_first_used_without_gradients_then_trained(make):
    A = make()
    hr, lr = inputs()
    with torch.no_grad():
        results(A, hr, lr)
    check_that_it_trains(A, hr, lr)


def through_pickle(A: LinearOperator) -> LinearOperator:
    return pickle.loads(pickle.dumps(A))  # noqa: S301


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, through_pickle])
@every_operator
def test_copies_do_the_same(make, duplicate, used):
    A = make()
    hr, lr = inputs(2)
    if used:
        results(A, hr, lr)
    other = duplicate(A)
    assert repr(other) == repr(A)
    for (name, value), copied in zip(results(A, hr, lr).items(), results(other, hr, lr).values(), strict=True):
        assert torch.equal(value, copied), name


@pytest.mark.parametrize("A", [Resize(2), Resize(0.5, "box"), Resize(2.5, "lanczos3", antialias=False)], ids=repr)
def test_repr_of_resize_is_the_code_that_makes_it(A):
    hr = torch.rand(9, 8)
    assert torch.equal(eval(repr(A))(hr), A(hr))  # noqa: S307


def test_repr_names_what_sets_an_operator_apart():
    assert repr(BlurDownsample(torch.ones(3, 5), 2, (0, 1), 0.25)) == (
        "BlurDownsample(3x5 kernel, scale=2, phase=(0, 1), rcond=0.25)"
    )
    assert repr(MatrixOperator(torch.ones(4, 6), (2, 3))) == (
        "MatrixOperator(4x6 matrix, hr_size=(2, 3), lr_size=(1, 4))"
    )


@pytest.mark.parametrize("make", [MAKERS["resize"], MAKERS["blur"]], ids=["resize", "blur"])
def test_one_instance_serves_several_sizes_and_dtypes(make):
    A = make()
    for dtype in (torch.float32, torch.float64, torch.float32):
        for size in [(8, 12), (12, 8), (6, 4), (8, 12)]:
            hr = torch.rand(size, dtype=dtype)
            lr = A(hr)
            fresh = make()
            assert torch.equal(lr, fresh(hr))
            assert torch.equal(A.pinv(lr), fresh.pinv(lr))
            assert torch.equal(A.adjoint(lr), fresh.adjoint(lr))


@pytest.mark.parametrize("make", [MAKERS["resize"], MAKERS["blur"]], ids=["resize", "blur"])
def test_memory_does_not_grow_with_the_number_of_sizes(make):
    def tensors_kept(sizes: range) -> int:
        A = make()
        gc.collect()
        before = sum(type(thing) is Tensor for thing in gc.get_objects())
        for side in sizes:
            A.pinv(A(torch.ones(2 * side, 4)))
        gc.collect()
        return sum(type(thing) is Tensor for thing in gc.get_objects()) - before

    few, many = tensors_kept(range(1, 101)), tensors_kept(range(1, 201))
    assert 0 < many <= few + 4


def test_second_use_of_a_size_is_remembered(monkeypatch):
    A, hr = Resize(2), torch.rand(8, 12)
    expected = A.pinv(A(hr))
    monkeypatch.setattr(torch.linalg, "pinv", lambda *_, **__: pytest.fail("computed again"))
    assert torch.equal(A.pinv(A(hr)), expected)


def test_singular_values_are_not_limited_by_the_dense_matrix():
    values = Resize(4).singular_values((1024, 768))
    assert values.shape == (256 * 192,)
    assert (values.diff() <= 0).all()


@every_operator
def test_nan_in_nan_out(make):
    A = make()
    hr, lr = inputs()
    hr[0, 0] = lr[0, 0] = float("nan")
    for name, value in results(A, hr, lr).items():
        assert value.isnan().any(), name


def test_the_default_device_does_not_enter():
    kernel = KERNEL.double()
    with torch.device("meta"):
        factor, values = resize_matrix(8, 2), BlurDownsample(kernel, 2).singular_values(HR)
    assert torch.equal(factor, resize_matrix(8, 2))
    assert torch.equal(values, BlurDownsample(kernel, 2).singular_values(HR))


@pytest.mark.parametrize("magnitude", [1e-20, 1e-6, 1e6, 1e20])
def test_the_kernel_of_a_blur_need_not_be_normalized(magnitude):
    A = BlurDownsample(KERNEL.double() * magnitude, 2)
    lr = torch.rand(4, 6)
    torch.testing.assert_close(A(A.pinv(lr)), lr, rtol=0, atol=2e-6)


@pytest.mark.parametrize("taps", range(1, 7))
@pytest.mark.parametrize(("scale", "phase"), [(1, 0), (2, 0), (2, 1), (3, 1), (4, 2)])
def test_an_even_kernel_shows_the_place_half_a_pixel_farther(scale, phase, taps):
    """What a ramp becomes is the place that an LR pixel shows; borders are periodic, so look inside."""
    side, kernel = 12 * scale, torch.ones(taps, taps, dtype=torch.float64) / taps**2
    ramp = torch.arange(side, dtype=torch.float64)
    inside = slice(4, -4)
    seen = torch.arange(12)[inside] * scale + phase + (0 if taps % 2 else 0.5)
    middle = torch.arange(12)[inside] * scale + (scale - 1) / 2
    for hr in (ramp.expand(side, side), ramp[:, None].expand(side, side)):
        shown = BlurDownsample(kernel, scale, phase)(hr)[inside, inside]
        resized = Resize(scale, "bilinear")(hr)[inside, inside]
        if hr.stride(0):
            shown, resized = shown.T, resized.T
        torch.testing.assert_close(shown, seen.double().expand(4, 4))
        torch.testing.assert_close(resized, middle.double().expand(4, 4))
        farther = (scale - 1) / 2 - phase - (0 if taps % 2 else 0.5)
        torch.testing.assert_close(resized - shown, torch.full((4, 4), farther, dtype=torch.float64))


def test_with_two_and_8_x_8_taps_a_blur_is_where_resize_is():
    line = resize_matrix(24, 2)[5]  # inside: the 8 taps of bicubic x2
    taps = line[line != 0]
    assert len(taps) == 8
    hr = torch.rand(24, 24, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    inside = slice(2, -2)
    blurred, resized = BlurDownsample(torch.outer(taps, taps), 2)(hr), Resize(2)(hr)
    torch.testing.assert_close(blurred[inside, inside], resized[inside, inside])
    shifted = BlurDownsample(torch.outer(taps, taps), 2, phase=1)(hr)
    assert (shifted - resized)[inside, inside].abs().max() > 0.01


def test_no_candidate_of_a_box_kernel_has_less_total_variation_than_the_least_norm_point():
    """And some have as much: 0, 0, 1, 1, 2, 2 and 0, 0, 1/2, 3/2, 2, 2. For bicubic it is otherwise."""

    def variation(picture):
        return picture.diff(dim=-2).abs().sum((-2, -1)) + picture.diff(dim=-1).abs().sum((-2, -1))

    chance = torch.Generator().manual_seed(4)
    A, lr = Resize(4, "box"), torch.rand(5, 6, generator=chance, dtype=torch.float64)
    least = A.pinv(lr)
    for size in (1e-6, 1e-2, 1.0):
        steps = size * torch.randn(50, 20, 24, generator=chance, dtype=torch.float64)
        assert (variation(A.consistent(least + steps, lr.expand(50, 5, 6))) >= variation(least) - 1e-9).all()
    rows = torch.tensor([[0, 0, 1, 1, 2, 2], [0, 0, 0.5, 1.5, 2, 2]]).repeat_interleave(2, 0).reshape(2, 2, 6)
    assert torch.equal(Resize(2, "box")(rows)[0], Resize(2, "box")(rows)[1])
    assert variation(rows)[0] == variation(rows)[1]
    bicubic, edge = Resize(4), (torch.arange(48) >= 25).double().expand(24, 48)
    assert variation(edge) < 0.9 * variation(bicubic.pinv(bicubic(edge)))


@pytest.mark.parametrize(
    ("scale", "hr", "lr"),
    [
        (4, (16, 20), (4, 5)),
        (4, (17, 19), (5, 5)),
        (4, (1, 3), (1, 1)),
        (3, (10, 11), (4, 4)),
        (2.5, (10, 11), (4, 5)),
        (0.5, (3, 5), (6, 10)),
        (1 / 3, (30, 7), (90, 21)),
    ],
)
def test_resize_takes_any_size(scale, hr, lr):
    A = Resize(scale)
    assert A.lr_size(hr) == lr
    assert A(torch.rand(hr)).shape == lr
    assert A.pinv(torch.rand(lr), hr).shape == hr
    assert A.adjoint(torch.rand(lr), size=list(hr)).shape == hr


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8, 1.5, 2.5, 3.5, 4 / 3, 1.1])
def test_the_size_assumed_behind_an_lr_is_one_that_makes_it(scale):
    A = Resize(scale)
    for side in range(1, 40):
        assert A.lr_size(A.hr_size((side, side))) == (side, side), f"an LR side of {side}"


@pytest.mark.parametrize("scale", [0.5, 1 / 3, 0.4, 0.75])
def test_the_size_assumed_behind_an_enlarged_picture_is_the_one_it_had(scale):
    A = Resize(scale)
    for side in range(1, 40):
        assert A.hr_size(A.lr_size((side, side))) == (side, side)


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float64, 1e-12), (torch.float32, 1e-6)], ids=str)
@pytest.mark.parametrize(
    ("A", "size"),
    [(Resize(4, kernel), (257, 391)) for kernel in ("bicubic", "bilinear", "box", "lanczos3")]
    + [(BlurDownsample(KERNEL, 4), (256, 392)), (Resize(2), (181, 256)), (Resize(3), (200, 200))],
    ids=repr,
)
def test_residual_after_the_pseudo_inverse(A, size, dtype, allowed):
    lr = torch.rand(3, *A.lr_size(size), dtype=dtype)
    residual = A(A.pinv(lr, size)) - lr
    assert residual.norm() <= allowed * lr.norm()
    null = A(A.project_null(torch.rand(3, *size, dtype=dtype)))
    assert null.norm() <= allowed * lr.norm()


def test_a_dense_matrix_costs_no_more_than_itself():
    """It is built from its shorter side, so that the limit on its entries is the limit on memory."""
    assert torch.equal(
        Resize(4).matrix((8, 8)).T,
        Resize(4).adjoint(torch.eye(4, dtype=torch.float64).reshape(4, 2, 2)).reshape(4, 64).T,
    )
    wide, tall = Resize(2), Resize(0.5)
    assert wide.matrix((6, 4)).shape == (6, 24)
    assert tall.matrix((2, 3)).shape == (24, 6)


def test_an_empty_batch_keeps_its_graph():
    nothing = torch.zeros(0, 4, 4, requires_grad=True)
    Resize(2)(nothing).sum().backward()
    assert nothing.grad.shape == (0, 4, 4)


def test_consistent_keeps_the_dtype_of_sr():
    sr, lr = torch.rand(4, 4), torch.rand(2, 2, dtype=torch.float64)
    assert Resize(2).consistent(sr, lr).dtype == torch.float32
    assert Resize(2).consistent(sr.half(), lr.float()).dtype == torch.float16


def test_numpy_integers_are_whole_numbers():
    numpy = pytest.importorskip("numpy")
    assert Resize(2).lr_size((numpy.int64(4), numpy.int32(6))) == (2, 3)
    with pytest.raises(ValueError, match="two positive whole numbers"):
        Resize(2).lr_size((True, 4))


@pytest.mark.parametrize("scale", [1e12, 1e-12, 5000])
def test_absurd_scales_are_refused_not_allocated(scale):
    with pytest.raises(ValueError, match="1/4096 to 4096"):
        Resize(scale)
