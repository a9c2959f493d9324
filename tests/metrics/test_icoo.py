"""ICOO against loops over patches in every reading, values known by hand, and the direction in which blur moves it."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from srtheory.data import list_pictures, photograph, read_picture
from srtheory.metrics import Icoo, icoo

PICTURES = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "b100"
READINGS = list(product([False, True], ["l2", "squared", "l1"], ["sum", "mean"], ["picture", "batch"]))
every_reading = pytest.mark.parametrize(("own", "distance", "reduction", "pool"), READINGS)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blurred(x: torch.Tensor, sigma: float) -> torch.Tensor:
    return torch.from_numpy(gaussian_filter(x.numpy(), [0] * (x.ndim - 2) + [sigma] * 2, mode="nearest"))


def places(shape, patch_size, rounds, count, generator):
    """Upper left corners: rows first, then columns, as the library draws them; the only thing that is shared."""
    rows, columns = (torch.randint(side - patch_size + 1, (rounds, count), generator=generator) for side in shape[-2:])
    return [[(int(i), int(j)) for i, j in zip(*pair, strict=True)] for pair in zip(rows, columns, strict=True)]


def slow_distance(a: np.ndarray, b: np.ndarray, distance: str) -> float:
    total = 0.0
    for x, y in zip(a.ravel(), b.ravel(), strict=True):
        total += abs(x - y) if distance == "l1" else (x - y) ** 2
    return math.sqrt(total) if distance == "l2" else total


def slow_icoo(y_hat: list[np.ndarray], y: list[np.ndarray], distance: str, reduction: str) -> float:
    """COO-v1 Eqs. 10 and 11, one patch at a time."""
    total = 0.0
    for patch in y_hat:
        d = [slow_distance(patch, other, distance) for other in y]
        k = d.index(min(d))
        below = 0.0
        for j in range(len(y)):
            if j != k:
                below += d[j]
        total += d[k] / below
    if reduction == "mean":
        total /= len(y_hat)
    return -10 * math.log10(total)


@every_reading
def test_every_reading_matches_loops(own, distance, reduction, pool):
    size, sr_patches, hr_patches, rounds = 3, 2, 4, 2
    sr, hr = torch.rand(2, 2, 9, 11, dtype=torch.float64), torch.rand(2, 2, 9, 11, dtype=torch.float64)
    found = icoo(
        sr,
        hr,
        size,
        sr_patches,
        hr_patches,
        rounds,
        own=own,
        distance=distance,
        reduction=reduction,
        pool=pool,
        generator=seeded(3),
    )
    generator = seeded(3)
    sr_places = places(sr.shape, size, rounds, sr_patches, generator)
    hr_places = places(hr.shape, size, rounds, hr_patches, generator)
    expected = np.empty((2, rounds))
    for r in range(rounds):
        if own:
            hr_places[r][:sr_patches] = sr_places[r]
        cut = [
            [[x[b, :, i : i + size, j : j + size].numpy() for i, j in where[r]] for b in range(2)]
            for x, where in ((sr, sr_places), (hr, hr_places))
        ]
        for b in range(2):
            y_hat, y = (cut[0][b], cut[1][b]) if pool == "picture" else (cut[0][0] + cut[0][1], cut[1][0] + cut[1][1])
            expected[b, r] = slow_icoo(y_hat, y, distance, reduction)
    expected = expected if pool == "picture" else expected[0]
    np.testing.assert_allclose(found.rounds, expected, rtol=1e-12)
    np.testing.assert_allclose(found.mean, expected.mean(-1), rtol=1e-12)
    np.testing.assert_allclose(found.spread, expected.std(-1, ddof=1), rtol=1e-9)


def test_defaults_are_those_of_the_paper():
    sr, hr = torch.rand(3, 40, 44), torch.rand(3, 40, 44)
    named = icoo(
        sr, hr, 12, 8, 100, 10, own=False, distance="squared", reduction="sum", pool="picture", generator=seeded(0)
    )
    assert all(torch.equal(a, b) for a, b in zip(icoo(sr, hr), named, strict=True))
    assert icoo(sr, hr).rounds.shape == (10,)


@every_reading
def test_the_unit_of_intensity_cancels(own, distance, reduction, pool):
    sr, hr = torch.rand(2, 1, 30, 30, dtype=torch.float64), torch.rand(2, 1, 30, 30, dtype=torch.float64)
    settings = {"own": own, "distance": distance, "reduction": reduction, "pool": pool, "rounds": 2}
    value = icoo(sr, hr, **settings).mean
    torch.testing.assert_close(icoo(sr * 255, hr * 255, **settings).mean, value, rtol=1e-10, atol=0)
    torch.testing.assert_close(icoo(3 - sr, 3 - hr, **settings).mean, value, rtol=1e-10, atol=0)


@pytest.mark.parametrize("pool", ["picture", "batch"])
def test_mean_and_sum_differ_by_the_number_of_sr_patches(pool):
    sr, hr = torch.rand(4, 1, 30, 30, dtype=torch.float64), torch.rand(4, 1, 30, 30, dtype=torch.float64)
    mean, total = (icoo(sr, hr, reduction=reduction, pool=pool).rounds for reduction in ("mean", "sum"))
    patches = 8 if pool == "picture" else 32
    torch.testing.assert_close(mean - total, torch.full_like(mean, 10 * math.log10(patches)))


@pytest.mark.parametrize("distance", ["l2", "squared", "l1"])
@pytest.mark.parametrize(("sr_patches", "hr_patches"), [(1, 2), (8, 100), (100, 8)])
def test_equally_far_patches_by_hand(distance, sr_patches, hr_patches):
    """A constant against another constant: each score is 1 / (N - 1), whatever the distance."""
    sr, hr = torch.full((1, 20, 20), 0.25, dtype=torch.float64), torch.full((1, 20, 20), 0.75, dtype=torch.float64)
    found = icoo(sr, hr, 12, sr_patches, hr_patches, distance=distance)
    assert found.mean.item() == pytest.approx(-10 * math.log10(sr_patches / (hr_patches - 1)), abs=1e-9)
    assert found.spread.item() == pytest.approx(0, abs=1e-9)


def test_perfect_results_are_infinite_where_the_truth_is_among_the_patches():
    hr = photograph("coffee")[:, :100, :100]
    found = icoo(hr, hr.clone(), own=True)
    assert found.mean.item() == math.inf
    assert bool((found.rounds == math.inf).all())
    assert found.spread.isnan()
    assert icoo(hr, hr.clone()).mean.isfinite()


def test_an_equal_patch_is_found_exactly():
    """Distances are differences of pixels, not of products: equal patches of a large offset are at zero."""
    hr = torch.rand(1, 30, 30, dtype=torch.float64) + 1e6
    assert icoo(hr, hr.clone(), own=True).mean.item() == math.inf


def test_one_picture_against_the_same_constant_is_undefined():
    flat = torch.full((1, 20, 20), 0.5)
    assert icoo(flat, flat).mean.isnan()
    assert icoo(flat, flat, own=True).mean.isnan()


def test_single_round_has_no_spread():
    found = icoo(torch.rand(1, 20, 20), torch.rand(1, 20, 20), rounds=1)
    assert found.mean == found.rounds[0]
    assert found.spread.isnan()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("spoil", ["sr", "hr"])
def test_a_spoiled_pixel_spoils_its_picture_only(spoil, bad):
    pair = {"sr": torch.rand(2, 1, 60, 60), "hr": torch.rand(2, 1, 60, 60)}
    clean = icoo(**pair, sr_patches=1, hr_patches=2, rounds=2)
    pair[spoil][1, 0, 0, 0] = bad  # whether or not it is drawn
    found = icoo(**pair, sr_patches=1, hr_patches=2, rounds=2)
    assert torch.equal(found.mean[0], clean.mean[0])
    assert found.mean[1].isnan()
    assert found.rounds[1].isnan().all()
    assert icoo(**pair, pool="batch", rounds=2).mean.isnan()


@pytest.mark.parametrize("pool", ["picture", "batch"])
def test_repeatable(pool):
    sr, hr = torch.rand(2, 1, 40, 40), torch.rand(2, 1, 40, 40)
    torch.manual_seed(1)
    first = icoo(sr, hr, pool=pool)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = icoo(sr, hr, pool=pool)
    assert torch.equal(first.rounds, second.rounds)
    assert torch.equal(torch.get_rng_state(), state)  # torch's own generator is left alone
    given = [icoo(sr, hr, pool=pool, generator=seeded(seed)).rounds for seed in (4, 4, 5)]
    assert torch.equal(given[0], given[1])
    assert not torch.equal(given[0], given[2])
    generator = seeded(4)
    twice = [icoo(sr, hr, pool=pool, generator=generator).rounds for _ in range(2)]
    assert not torch.equal(*twice)


@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 2)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_one_value_per_picture_whatever_its_company(batch, channels):
    sr, hr = torch.rand(*batch, channels, 20, 24), torch.rand(*batch, channels, 20, 24)
    found = icoo(sr, hr, rounds=3)
    assert isinstance(found, Icoo)
    assert found.mean.shape == found.spread.shape == batch
    assert found.rounds.shape == (*batch, 3)
    pairs = zip(sr.reshape(-1, channels, 20, 24), hr.reshape(-1, channels, 20, 24), strict=True)
    alone = torch.stack([icoo(a, b, rounds=3).mean for a, b in pairs])
    torch.testing.assert_close(found.mean.flatten(), alone, rtol=1e-6, atol=0)


def test_one_picture_is_a_pool_of_one():
    sr, hr = torch.rand(3, 30, 30), torch.rand(3, 30, 30)
    assert torch.equal(icoo(sr, hr).rounds, icoo(sr, hr, pool="batch").rounds)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_dtype_is_that_of_sr_and_the_work_is_done_in_float64(dtype):
    sr, hr = torch.rand(1, 24, 24).to(dtype), torch.rand(1, 24, 24).to(dtype)
    exact = icoo(sr.double(), hr.double())
    for found in (icoo(sr, hr), icoo(sr, hr.double())):
        assert all(torch.equal(value, true.to(dtype)) for value, true in zip(found, exact, strict=True))


def test_arrays_are_taken_as_tensors_are():
    sr, hr = torch.rand(3, 24, 24, dtype=torch.float64), torch.rand(3, 24, 24, dtype=torch.float64)
    assert torch.equal(icoo(sr.numpy(), hr.numpy()[:, ::-1].copy()[:, ::-1]).mean, icoo(sr, hr).mean)


def test_inputs_are_left_as_they_are():
    sr, hr = torch.rand(1, 20, 20), torch.rand(1, 20, 20)
    before = sr.clone(), hr.clone()
    icoo(sr, hr, own=True)
    assert torch.equal(sr, before[0])
    assert torch.equal(hr, before[1])


def test_patches_of_another_picture_may_be_the_hr_patches():
    sr, hr = torch.rand(1, 20, 24), torch.rand(1, 50, 12)
    assert icoo(sr, hr).mean.isfinite()


def test_a_picture_of_one_patch():
    sr, hr = torch.rand(1, 12, 12, dtype=torch.float64), torch.rand(1, 12, 12, dtype=torch.float64)
    assert icoo(sr, hr).mean.item() == pytest.approx(-10 * math.log10(8 / 99), abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "direction"),
    [
        ({}, 1),
        ({"distance": "l2"}, 1),
        ({"own": True}, -1),
        ({"own": True, "distance": "l2"}, -1),
        ({"own": True, "distance": "l1"}, -1),
    ],
    ids=str,
)
def test_direction_with_blur_depends_on_the_truth_among_the_patches(settings, direction):
    hr = photograph("coffee", gray=True)[:, :200, :300]
    values = [icoo(blurred(hr, sigma), hr, **settings).mean.item() for sigma in (0.25, 0.5, 0.75, 1, 1.5)]
    assert values == sorted(values, reverse=direction < 0)


def test_noise_lowers_it():
    hr = photograph("coffee", gray=True)[:, :200, :300]
    noise = torch.randn(hr.shape, generator=seeded(1), dtype=torch.float64)
    values = [icoo(hr + level / 255 * noise, hr).mean.item() for level in (0, 5, 10, 25, 50)]
    assert values == sorted(values, reverse=True)


def test_direction_on_many_photographs():
    """Lower is sharper with unrelated HR patches: rank correlation with blur, on pictures not ours to show."""
    if not PICTURES.is_dir():
        pytest.skip("the benchmark pictures are not beside this repository")
    correlations, against = [], []
    for path in list_pictures(PICTURES)[:24]:
        hr = read_picture(path, dtype=torch.float64).mean(0, keepdim=True)
        swept = [blurred(hr, sigma) for sigma in (0.25, 0.5, 0.75, 1, 1.5, 2, 3)]
        for own, kept in ((False, correlations), (True, against)):
            kept.append(spearmanr(range(len(swept)), [icoo(sr, hr, own=own).mean.item() for sr in swept])[0])
    assert len(correlations) >= 20
    assert min(correlations) > 0.9
    assert max(against) < -0.8


def test_over_a_set_it_rises_with_blur():
    if not PICTURES.is_dir():
        pytest.skip("the benchmark pictures are not beside this repository")
    chosen = list_pictures(PICTURES)[:24]
    hr = torch.stack([read_picture(path, dtype=torch.float64)[1:2, :160, :160] for path in chosen])
    values = [icoo(blurred(hr, sigma), hr, rounds=3, pool="batch").mean.item() for sigma in (0.25, 0.5, 1, 2, 4)]
    assert values == sorted(values)
    assert values[-1] > values[0] + 3
