"""One of two processes: half of a batch, RelativisticGANLoss(gather=True), gradients averaged by torch."""

import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from srtheory.losses import RelativisticGANLoss


def pictures():
    generator = torch.Generator().manual_seed(0)
    hr = torch.rand(4, 3, 6, 6, generator=generator, dtype=torch.float64)
    shades = torch.tensor([0.2, 1.0, 1.5, 4.0], dtype=torch.float64)[:, None, None, None]
    return hr, shades * torch.rand(4, 3, 6, 6, generator=generator, dtype=torch.float64)


def judge():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 1)).double()
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.4, 0.4, generator=generator)
    return network


def main(rank: int, rendezvous: str, out: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    hr, sr = pictures()
    mine, fewer = slice(2 * rank, 2 * rank + 2), slice(2 * rank, 2 * rank + 2 - rank)
    loss, found = RelativisticGANLoss(gather=True), {}
    for name in ("generator", "discriminator"):
        network = DistributedDataParallel(judge())
        value = getattr(loss, name)(network(hr[mine]), network(sr[mine]))
        value.backward()
        gradient = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
        found[name] = {"value": value.detach(), "gradient": gradient}
    try:
        loss.generator(judge()(hr[fewer]), judge()(sr[fewer]))
    except ValueError as error:
        print(error)
    if rank == 0:
        torch.save(found, out)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
