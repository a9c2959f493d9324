"""Relativistic average GAN loss: real pictures must look more real than SR pictures do on average, and the reverse."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srtheory.losses.gather import gathered


def ragan_generator_loss(real: Tensor, fake: Tensor, *, gather: bool = False) -> Tensor:
    r"""Return what the generator of a relativistic average GAN minimizes.

    With the logits C of the discriminator, $\sigma$ the logistic function and means over the batch,

    $$\frac12 \Bigl( -\overline{\log \sigma\bigl(C(\hat I_y) - \overline{C(I_y)}\bigr)}
      - \overline{\log\bigl(1 - \sigma(C(I_y) - \overline{C(\hat I_y)})\bigr)} \Bigr)$$

    It depends on differences of logits only. Where all are equal it is log 2, as the discriminator's is. ESRGAN's paper
    prints the sum; the half is that of its authors' code, for which its weight of 5e-3 is meant.

    Args:
        real: logits of HR pictures, of any shape. They are constants: no gradient reaches them, so they may be made
            under `torch.no_grad`.
        fake: logits of SR pictures, of that shape.
        gather: under torch.distributed, take the logits of all ranks, which must have equally many. The value is that
            of one process with these logits; averaged over ranks, as DistributedDataParallel does, so is the gradient.

    Returns:
        A scalar. Half precision is computed in single precision, under autocast too. NaN in, NaN out.

    Raises:
        TypeError: not tensors of floats.
        ValueError: shapes that differ, no logits, or ranks with unequally many.

    References:
        Jolicoeur-Martineau, The Relativistic Discriminator: a Key Element Missing from Standard GAN, ICLR 2019. Wang et
        al., ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks, ECCV Workshops 2018. Added to DECLoss in
        COO Table 1; chapter ch11_training_with_decloss.
    """
    _check(real, fake)
    return _relativistic(fake, real.detach(), gather)


def ragan_discriminator_loss(real: Tensor, fake: Tensor, *, gather: bool = False) -> Tensor:
    r"""Return what the discriminator of a relativistic average GAN minimizes: the generator's loss, labels exchanged.

    $$\frac12 \Bigl( -\overline{\log \sigma\bigl(C(I_y) - \overline{C(\hat I_y)}\bigr)}
      - \overline{\log\bigl(1 - \sigma(C(\hat I_y) - \overline{C(I_y)})\bigr)} \Bigr)$$

    The means have a gradient, as in the paper and in ESRGAN's first code. BasicSR takes them as constants here: the
    value is the same, the gradient is not.

    Args:
        real: logits of HR pictures, of any shape.
        fake: logits of SR pictures, of that shape; make them from `sr.detach()`, so that no gradient reaches the
            generator.
        gather: as for `ragan_generator_loss`.

    Returns:
        A scalar. Half precision is computed in single precision, under autocast too. NaN in, NaN out.

    Raises:
        TypeError: not tensors of floats.
        ValueError: shapes that differ, no logits, or ranks with unequally many.

    References:
        Those of `ragan_generator_loss`; chapter ch11_training_with_decloss.
    """
    _check(real, fake)
    return _relativistic(real, fake, gather)


class RelativisticGANLoss(nn.Module):
    """`ragan_generator_loss` and `ragan_discriminator_loss` as the methods of one object; it holds no discriminator.

    Args:
        gather: under torch.distributed, take the logits of all ranks, which must have equally many.

    References:
        Those of `ragan_generator_loss`; chapter ch11_training_with_decloss.
    """

    def __init__(self, gather: bool = False) -> None:
        super().__init__()
        self.gather = gather

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return `ragan_generator_loss` of the logits of HR and of SR pictures."""
        return ragan_generator_loss(real, fake, gather=self.gather)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return `ragan_discriminator_loss` of the logits of HR and of SR pictures."""
        return ragan_discriminator_loss(real, fake, gather=self.gather)

    def extra_repr(self) -> str:
        return f"gather={self.gather}"


def _relativistic(above: Tensor, below: Tensor, gather: bool) -> Tensor:
    """Return the loss that is small where the first logits exceed the mean of the second, and the reverse."""
    kept = torch.promote_types(above.dtype, below.dtype)
    with torch.autocast(above.device.type, enabled=False):
        exact = torch.promote_types(kept, torch.float32)
        logits = torch.stack([above.to(exact).flatten(), below.to(exact).flatten()], dim=1)  # (N, 2)
        if gather:
            logits = gathered(logits, "logits")
        above, below = logits.unbind(1)
        # log(1 - sigma(x)) = log sigma(-x)
        loss = -(F.logsigmoid(above - below.mean()).mean() + F.logsigmoid(above.mean() - below).mean()) / 2
        return loss.to(kept)


def _check(real: Tensor, fake: Tensor) -> None:
    for name, x in (("real", real), ("fake", fake)):
        if not isinstance(x, Tensor) or not x.is_floating_point():
            kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"{name} must be a tensor of floats, the logits of a discriminator, not {kind}")
    if real.shape != fake.shape:
        raise ValueError(f"real is {tuple(real.shape)}, but fake is {tuple(fake.shape)}; they must be of one shape")
    if real.numel() == 0:
        raise ValueError(f"real and fake have shape {tuple(real.shape)}; there must be at least one logit")
