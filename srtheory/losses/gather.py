"""The batch of all ranks, for losses that compare a picture with those of other ranks."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def gathered(x: Tensor, what: str) -> Tensor:
    """Return the rows of all ranks, in the order of the ranks; alone, the rows as they are.

    Where each rank takes the same loss of what this returns, DistributedDataParallel, which averages over the ranks,
    leaves each parameter the gradient of one process with the whole batch.

    Args:
        x: (N, ...), with one N on all ranks.
        what: the name of the rows, for the error.

    Raises:
        ValueError: another number of rows on some rank.
    """
    dist = torch.distributed
    ranks = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    if ranks == 1:
        return x
    counts = [torch.zeros(1, dtype=torch.long, device=x.device) for _ in range(ranks)]
    dist.all_gather(counts, counts[0].new_tensor([len(x)]))
    if len({int(count) for count in counts}) > 1:
        raise ValueError(f"gather=True needs equally many {what} on every rank, not {[int(c) for c in counts]}")
    rows: Tensor = _Gathered.apply(x, ranks)  # type: ignore[no-untyped-call]
    return rows


class _Gathered(torch.autograd.Function):
    """The rows of all ranks; the gradient of each rank's own is summed over the ranks."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ranks: int) -> Tensor:
        every = [torch.empty_like(x) for _ in range(ranks)]
        torch.distributed.all_gather(every, x.contiguous())
        return torch.cat(every)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        gradient = gradient.contiguous()
        torch.distributed.all_reduce(gradient)
        own = torch.distributed.get_rank()
        return gradient.chunk(torch.distributed.get_world_size())[own], None
