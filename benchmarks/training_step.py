"""DECLoss's share of a training step: EDSR-baseline and RRDB at the batches of both papers, on this machine.

    python benchmarks/training_step.py [--part 2] [--rounds 3]

The network's step (forward, L1, backward, Adam) is timed on a part of the batch and multiplied, since its cost is
proportional to the batch and a whole one may not fit; DECLoss (forward and backward) is timed whole. Medians of
interleaved rounds.
"""

import argparse
import statistics
import time

import torch

from srtheory.losses import DECLoss
from srtheory.models import EDSR, RRDBNet

SIZES = {"COO: 32 crops of 128": (32, 128), "COO-v1: 32 crops of 192": (32, 192)}
NETS = {"EDSR-baseline": (EDSR, "baseline"), "RRDB": (RRDBNet, "esrgan")}


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def timed(call, device):
    wait(device)
    start = time.perf_counter()
    call()
    wait(device)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", type=int, default=2, help="crops that the network is timed on")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(0)
    print(f"{device.type}, {torch.get_num_threads()} threads, torch {torch.__version__}; medians of {asked.rounds}")
    print("                                        network, s   DECLoss, s   share of both   times the step")
    for size, (batch, crop) in SIZES.items():
        hr = torch.rand(batch, 3, crop, crop, generator=generator).to(device)
        sr = (hr + 0.02 * torch.randn(hr.shape, generator=generator).to(device)).clamp(0, 1)
        lr = torch.rand(asked.part, 3, crop // 4, crop // 4, generator=generator).to(device)
        for name, (kind, preset) in NETS.items():
            net = kind.preset(preset, 4, generator=torch.Generator().manual_seed(0)).to(device)
            net = net.to(memory_format=torch.channels_last)
            optimizer = torch.optim.Adam(net.parameters(), 1e-4, fused=True)
            loss = DECLoss()

            def step(net=net, optimizer=optimizer, lr=lr, hr=hr):
                half = device.type == "cuda"
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
                    made = net(lr.contiguous(memory_format=torch.channels_last))
                optimizer.zero_grad()
                (made.float() - hr[: asked.part]).abs().mean().backward()
                optimizer.step()

            def contrast(loss=loss, sr=sr, hr=hr):
                x = sr.clone().requires_grad_()
                loss(x, hr).backward()

            step()
            times = [(timed(step, device), timed(contrast, device)) for _ in range(asked.rounds)]
            of_net, of_loss = (statistics.median(column) for column in zip(*times, strict=True))
            of_net *= batch / asked.part
            print(
                f"{size:26} {name:14}{of_net:10.2f} {of_loss:12.2f} {of_loss / (of_net + of_loss):14.1%} "
                f"{1 + of_loss / of_net:15.2f}"
            )


if __name__ == "__main__":
    main()
