"""What the losses cannot take, and what they say then."""

import pytest
import torch

from srtheory.losses import DECLoss, HighFrequencyEnhancement, PerceptualLoss, decloss

HR = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))

ROWS = [
    ("not a tensor", lambda: decloss([1.0], HR), TypeError, "sr must be a tensor of floats (B, C, H, W), not list"),
    ("integers", lambda: decloss(HR, (255 * HR).byte()), TypeError, "divide 8-bit pictures by 255"),
    ("three dimensions", lambda: decloss(HR[0], HR[0]), ValueError, "must be (B, C, H, W)"),
    ("no picture", lambda: decloss(HR[:0], HR[:0]), ValueError, "none of them zero"),
    ("shapes", lambda: decloss(HR[..., :8], HR), ValueError, "they must be of one shape"),
    ("patch size", lambda: decloss(HR, HR, patch_size=6), ValueError, "does not divide 16x16; crop to 12x12"),
    ("no patch size", lambda: decloss(HR, HR, patch_size=0), ValueError, "at least 1, not 0"),
    ("half a pixel", lambda: decloss(HR, HR, patch_size=4.0), ValueError, "whole number of pixels"),
    ("threshold NaN", lambda: decloss(HR, HR, threshold=float("nan")), ValueError, "threshold must be a number of dB"),
    ("t_pos", lambda: decloss(HR, HR, t_pos=0), ValueError, "t_pos must be positive"),
    ("t_neg", lambda: decloss(HR, HR, t_neg=float("inf")), ValueError, "t_neg must be positive and finite"),
    ("max_value", lambda: decloss(HR, HR, max_value=-1), ValueError, "max_value must be positive"),
    ("range", lambda: decloss(255 * HR, 255 * HR), ValueError, "far beyond max_value=1; pass max_value=255 or divide"),
    ("dark", lambda: decloss(HR, HR, max_value=255), ValueError, "far below max_value=255; pass max_value=1"),
    ("minus one", lambda: decloss(HR, 2 * HR - 1), ValueError, "what is in [-1, 1] becomes (hr + 1) / 2, and so does"),
    ("center", lambda: decloss(HR, HR, center=True), ValueError, "one of 'none', 'patch', 'channel', not True"),
    ("floor", lambda: decloss(HR, HR, norm_floor=-1), ValueError, "norm_floor must be zero or more"),
    ("similarity", lambda: decloss(HR, HR, similarity="ssim"), ValueError, "one of 'l2', 'psnr', not 'ssim'"),
    ("temperature", lambda: decloss(HR, HR, temperature="both"), ValueError, "one of 'outside', 'inside'"),
    ("anchor", lambda: decloss(HR, HR, anchor="lr"), ValueError, "one of 'hr', 'sr'"),
    ("no_negative", lambda: decloss(HR, HR, no_negative="zero"), ValueError, "one of 'skip', 'printed'"),
    ("backend", lambda: decloss(HR, HR, backend="triton"), ValueError, "one of 'auto', 'dense', 'tiled'"),
    ("module", lambda: DECLoss(patch=4), TypeError, "takes no ['patch']"),
    ("alpha", lambda: HighFrequencyEnhancement(alpha=0), ValueError, "alpha must be positive and finite, not 0"),
    ("mu", lambda: HighFrequencyEnhancement(mu=float("nan")), ValueError, "mu must be positive and finite, not nan"),
    ("center", lambda: HighFrequencyEnhancement(center="N/2"), ValueError, "one of 'symmetric', 'printed', not 'N/2'"),
    ("inverse", lambda: HighFrequencyEnhancement(inverse="fft"), ValueError, "one of 'dft', 'hartley', 'unweighted'"),
    ("picture", lambda: HighFrequencyEnhancement()(None), TypeError, "a tensor of floats (..., H, W), not NoneType"),
    ("bytes", lambda: HighFrequencyEnhancement()((255 * HR).byte()), TypeError, "divide 8-bit pictures by 255"),
    ("one dimension", lambda: HighFrequencyEnhancement()(HR[0, 0, 0]), ValueError, "must be (..., H, W)"),
    ("empty", lambda: HighFrequencyEnhancement()(HR[..., :0]), ValueError, "none of them zero"),
]


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


@pytest.mark.parametrize("backend", ["dense", "tiled"])
@pytest.mark.parametrize("center", ["none", "patch", "channel"])
def test_decloss_has_a_gradient_where_a_norm_is_zero(center, backend):
    """A black patch, one that is flat, and equal pictures: the roots are at zero."""
    hr = HR.double().clone()
    hr[..., :4, :4], hr[..., 4:8, :4] = 0, 0.5
    for truth in (hr, HR.double()):
        sr = hr.clone().requires_grad_()
        decloss(sr, truth, patch_size=4, center=center, backend=backend).backward()
        assert sr.grad.isfinite().all()


@pytest.mark.parametrize("criterion", ["l1", "l2", "norm"])
def test_perceptual_loss_has_a_gradient_where_pictures_are_equal(criterion):
    weights = {
        "features.0.weight": torch.randn(64, 3, 3, 3, generator=torch.Generator().manual_seed(0)),
        "features.0.bias": torch.zeros(64),
    }
    sr = HR.clone().requires_grad_()
    PerceptualLoss(weights, layer="conv1_1", criterion=criterion)(sr, HR.clone().requires_grad_()).backward()
    assert sr.grad.isfinite().all()
    assert not sr.grad.any()
