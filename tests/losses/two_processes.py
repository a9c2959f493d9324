"""One of two processes: half of a batch, DECLoss with gather=True, the gradient of a layer averaged over both."""

import sys

import torch
import torch.distributed as dist

from srtheory.losses import decloss


def batch():
    generator = torch.Generator().manual_seed(0)
    hr = torch.rand(4, 3, 16, 16, generator=generator, dtype=torch.float64)
    hr[1:3, :, :8, :8] = hr[0, :, :8, :8]  # positives across pictures and processes
    return hr, (hr + 0.1 * torch.rand(hr.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)


def layer():
    network = torch.nn.Conv2d(3, 3, 3, padding=1, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        torch.nn.init.uniform_(parameter, -0.3, 0.3, generator=generator)
    return network


def main(rank: int, rendezvous: str, out: str, unequal: bool, backend: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    hr, blurred = batch()
    mine = slice(2 * rank, 2 * rank + 2 - (unequal and rank))
    network = layer()
    try:
        loss = decloss(network(blurred[mine]) + blurred[mine], hr[mine], gather=True, backend=backend)
    except ValueError as error:
        print(error)
    else:
        loss.backward()
        gradient = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
        dist.all_reduce(gradient)
        if rank == 0:
            torch.save({"value": loss.detach(), "gradient": gradient / 2}, out)
    dist.barrier()  # a process that ends while another still talks to it may abort
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "unequal", sys.argv[5])
