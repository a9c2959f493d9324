"""The relativistic average GAN loss against the printed equations, alone and in two processes."""

import math

import pytest
import torch
from torch import nn

from srtheory.losses import RelativisticGANLoss, ragan_discriminator_loss, ragan_generator_loss
from tests.losses.test_gather import run
from tests.losses.two_processes_ragan import judge, pictures

each_loss = pytest.mark.parametrize("loss", [ragan_generator_loss, ragan_discriminator_loss])


def logits(*shape, seed=0, scale=2.0):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sigma(x):
    return 1 / (1 + torch.exp(-x))


def transcribed(above, below):
    """ESRGAN's equations, one logit after the other: -log D(above, below) and -log(1 - D(below, above)), halved."""
    above, below = above.reshape(-1), below.reshape(-1)
    first = second = 0
    for x, y in zip(above, below, strict=True):
        first = first - torch.log(sigma(x - sum(below) / len(below)))
        second = second - torch.log(1 - sigma(y - sum(above) / len(above)))
    return (first / len(above) + second / len(below)) / 2


def gradient(loss, *inputs):
    inputs = [x.clone().requires_grad_() for x in inputs]
    return torch.autograd.grad(loss(*inputs), inputs, allow_unused=True)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 1), (2, 1, 3, 4)], ids=str)
def test_against_the_transcription(shape):
    real, fake = logits(*shape), logits(*shape, seed=1) - 0.7
    assert torch.allclose(ragan_discriminator_loss(real, fake), transcribed(real, fake), rtol=1e-12)
    assert torch.allclose(ragan_generator_loss(real, fake), transcribed(fake, real), rtol=1e-12)


def test_gradients_against_the_transcription():
    real, fake = logits(4, 1), logits(4, 1, seed=1)
    for found, expected in zip(
        gradient(ragan_discriminator_loss, real, fake), gradient(transcribed, real, fake), strict=True
    ):
        assert torch.allclose(found, expected, rtol=1e-12)
    none, found = gradient(ragan_generator_loss, real, fake)
    assert none is None
    assert torch.allclose(found, gradient(transcribed, fake, real)[0], rtol=1e-12)


def test_gradcheck():
    real, fake = logits(3, 2).requires_grad_(), logits(3, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(ragan_discriminator_loss, (real, fake))
    assert torch.autograd.gradcheck(lambda x: ragan_generator_loss(real.detach(), x), fake)
    assert torch.autograd.gradgradcheck(ragan_discriminator_loss, (real, fake))


@each_loss
def test_only_differences_count(loss):
    real, fake = logits(6), logits(6, seed=1)
    assert torch.allclose(loss(real + 3, fake + 3), loss(real, fake), rtol=1e-12)
    assert not torch.allclose(loss(real + 3, fake), loss(real, fake), rtol=1e-3)


def test_exchanged_and_mirrored():
    real, fake = logits(6), logits(6, seed=1)
    assert torch.equal(ragan_generator_loss(real, fake), ragan_discriminator_loss(fake, real))
    for loss in (ragan_generator_loss, ragan_discriminator_loss):
        assert torch.allclose(loss(real, fake), loss(-fake, -real), rtol=1e-12)
    mine, theirs = gradient(ragan_discriminator_loss, real, fake)
    assert torch.allclose(mine.sum() + theirs.sum(), torch.zeros((), dtype=torch.float64), atol=1e-15)


@each_loss
def test_undecided_is_log_2(loss):
    assert loss(torch.full((4, 1), 7.0), torch.full((4, 1), 7.0)).item() == pytest.approx(math.log(2))


def test_better_judge_and_better_forger():
    real, fake = logits(6) + 1, logits(6, seed=1) - 1
    assert ragan_discriminator_loss(real, fake) < math.log(2) < ragan_generator_loss(real, fake)
    _, pull = gradient(ragan_generator_loss, real, fake)
    assert (pull < 0).all()  # each SR logit wants up
    up, down = gradient(ragan_discriminator_loss, real, fake)
    assert (up < 0).all()
    assert (down > 0).all()


@each_loss
@pytest.mark.parametrize("gap", [30.0, 1e4])
def test_far_apart_is_finite_and_exact(loss, gap):
    real, fake = torch.full((3,), gap, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    wrong = loss is ragan_generator_loss
    assert loss(real, fake).item() == pytest.approx(gap if wrong else math.exp(-gap), rel=1e-12)
    assert all(g is None or g.isfinite().all() for g in gradient(loss, real, fake))


@each_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_is_kept_and_halves_are_computed_in_single(loss, dtype):
    real, fake = logits(50).to(dtype), logits(50, seed=1).to(dtype)
    found = loss(real, fake)
    assert found.dtype == dtype
    assert torch.allclose(found.double(), loss(real.double(), fake.double()), rtol=torch.finfo(dtype).eps * 2)
    assert loss(real, fake.double()).dtype == torch.float64


@each_loss
def test_autocast_changes_nothing(loss):
    real, fake = logits(50).float(), logits(50, seed=1).float()
    plain = loss(real, fake)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(real, fake), plain)


@each_loss
def test_nan_in_nan_out(loss):
    fake = logits(4)
    fake[2] = math.nan
    assert loss(logits(4, seed=1), fake).isnan()


def test_the_module_is_the_functions():
    real, fake = logits(4, 1), logits(4, 1, seed=1)
    loss = RelativisticGANLoss()
    assert torch.equal(loss.generator(real, fake), ragan_generator_loss(real, fake))
    assert torch.equal(loss.discriminator(real, fake), ragan_discriminator_loss(real, fake))
    assert list(loss.parameters()) == []
    assert repr(RelativisticGANLoss(gather=True)) == "RelativisticGANLoss(gather=True)"


def test_a_step_of_each_network():
    """The generator's step leaves the discriminator's gradient to come from SR logits only, and the reverse."""
    generator, discriminator = nn.Linear(3, 3), nn.Linear(3, 1)
    lr, hr, loss = torch.rand(4, 3), torch.rand(4, 3), RelativisticGANLoss()
    with torch.no_grad():
        real = discriminator(hr)
    loss.generator(real, discriminator(generator(lr))).backward()
    assert generator.weight.grad.any()
    generator.zero_grad()
    loss.discriminator(discriminator(hr), discriminator(generator(lr).detach())).backward()
    assert generator.weight.grad is None
    assert discriminator.weight.grad.any()


def test_two_processes_are_one(tmp_path):
    texts = run(tmp_path, program="tests.losses.two_processes_ragan")
    found = torch.load(tmp_path / "out.pt", weights_only=True)
    hr, sr = pictures()
    for name, alone in (("generator", ragan_generator_loss), ("discriminator", ragan_discriminator_loss)):
        network = judge()
        loss = alone(network(hr), network(sr))
        loss.backward()
        expected = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
        assert abs(found[name]["value"] - loss.detach()) <= 1e-12 * loss.detach()
        assert (found[name]["gradient"] - expected).norm() <= 1e-12 * expected.norm()
        halves = [alone(network(hr[part]), network(sr[part])).detach() for part in (slice(0, 2), slice(2, 4))]
        assert abs(sum(halves) / 2 - loss.detach()) > 1e-3  # without gathering it is another loss
    assert all("equally many logits on every rank, not [2, 1]" in text for text in texts)


@each_loss
def test_alone_there_is_nothing_to_gather(loss):
    real, fake = logits(4), logits(4, seed=1)
    assert torch.equal(loss(real, fake, gather=True), loss(real, fake))


REAL = torch.zeros(4, 1)
ROWS = [
    ("not a tensor", lambda: ragan_generator_loss(1.0, REAL), TypeError, "real must be a tensor of floats, the logits"),
    ("integers", lambda: ragan_discriminator_loss(REAL, REAL.long()), TypeError, "fake must be a tensor of floats"),
    ("shapes", lambda: ragan_generator_loss(REAL, REAL[:, 0]), ValueError, "real is (4, 1), but fake is (4,); they"),
    ("batches", lambda: RelativisticGANLoss().generator(REAL, REAL[:2]), ValueError, "they must be of one shape"),
    ("empty", lambda: RelativisticGANLoss().discriminator(REAL[:0], REAL[:0]), ValueError, "at least one logit"),
]


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
