"""What a person with a GPU can run in a bare checkout: is the library right there, how fast is it, does DECLoss matter?

    PYTHONPATH=. python tools/gpu.py --data TRAIN --test SET5 B100 --out FOLDER [--budget 540]

Writes gpu.json after each part, so that a run that is stopped keeps what it has: checks on the device against the CPU
in float64, times of DECLoss and of training steps, the balance of the losses in the space of the parameters, and a
second stage of several losses, each at equal shares of the gradient, with sharpening as the control.
"""

import argparse
import copy
import json
import platform
import shutil
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import conv2d, pad

from srtheory import __version__
from srtheory.data import Pictures, list_pictures, read_picture
from srtheory.losses import HighFrequencyEnhancement, decloss
from srtheory.metrics import (
    gradient_distance,
    psnr,
    sliced_wasserstein,
    spectrum_gap,
    ssim,
    wavelet_distance,
)
from srtheory.models import EDSR, RRDBNet
from srtheory.operators import BlurDownsample, Resize
from srtheory.training import Decloss, Sisr, load_network, train
from srtheory.training.engine import name_of
from srtheory.training.pairs import MARGIN, degrade, eight_bits

METRICS = {
    "psnr": psnr,
    "ssim": ssim,
    "patches": lambda sr, hr: 255 * sliced_wasserstein(sr, hr),
    "gradients": lambda sr, hr: 255 * gradient_distance(sr, hr),
    "wavelets": lambda sr, hr: 255 * wavelet_distance(sr, hr),
    "spectrum": spectrum_gap,
}
OURS = {"similarity": "psnr", "center": "channel", "temperature": "inside", "t_pos": 0.5, "t_neg": 0.5}
READINGS = {
    "COO": {},
    "COO-v1": {"anchor": "sr", "enhancement": True},
    "means removed": OURS,
}
SIZES = ((8192, 32, 128), (18_432, 32, 192), (73_728, 128, 192))
CHECKS, TIMES = {}, {}


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def timed(call, device, rounds=5):
    call()
    wait(device)
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        wait(device)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def apart(a, b):
    """Largest difference, relative to the largest value."""
    a, b = a.detach().double().cpu(), b.detach().double().cpu()
    return float((a - b).abs().max() / b.abs().max().clamp_min(1e-30))


def photographs(paths, side):
    return torch.stack([read_picture(path)[:, :side, :side] for path in paths])


def checks(pictures, device):
    """The device in float64 and float32 against the CPU in float64."""
    hr = pictures[:4].double()
    generator = torch.Generator().manual_seed(0)
    sr = (hr + 0.03 * torch.randn(hr.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    kernel = torch.exp(-(torch.linspace(-2, 2, 21, dtype=torch.float64) ** 2))
    kernel = kernel[:, None] * kernel / kernel.sum() ** 2
    for name, A in (("Resize", Resize(4)), ("BlurDownsample", BlurDownsample(kernel, 4))):
        lr = A(hr)
        for dtype in (torch.float64, torch.float32):
            there = hr.to(device, dtype)
            low = A(there)
            CHECKS[f"{name} {dtype}"] = {
                "forward": apart(low, lr),
                "pinv": apart(A.pinv(low, size=hr.shape[-2:]), A.pinv(lr, size=hr.shape[-2:])),
                "null": apart(A.project_null(there), A.project_null(hr)),
            }
    settings = {
        "printed": {},
        "psnr": {"similarity": "psnr"},
        "v1": {"anchor": "sr", "enhancement": HighFrequencyEnhancement()},
        "ours": OURS,
        "inside": {"temperature": "inside"},
    }
    for name, chosen in settings.items():
        x = sr.clone().requires_grad_()
        value = decloss(x, hr, backend="dense", **chosen)
        value.backward()
        for dtype in (torch.float64, torch.float32):
            for backend in ("dense", "tiled"):
                y = sr.detach().clone().to(device, dtype).requires_grad_()
                there = decloss(y, hr.to(device, dtype), backend=backend, **chosen)
                there.backward()
                CHECKS[f"decloss {name} {backend} {dtype}"] = {
                    "value": apart(there, value),
                    "gradient": apart(y.grad, x.grad),
                }
    for name, metric in METRICS.items():
        a, b = metric(sr, hr), metric(sr.to(device), hr.to(device))
        CHECKS[f"metric {name}"] = {"value": apart(b, a)}
    for name, kind, size in (("EDSR", EDSR, "baseline"), ("RRDBNet", RRDBNet, "tiny")):
        net = kind.preset(size, 4, generator=torch.Generator().manual_seed(0)).double()
        lr = Resize(4)(hr[:1, :, :64, :64])
        with torch.no_grad():
            whole = net(lr)
            there = copy.deepcopy(net).to(device)
            CHECKS[f"network {name}"] = {
                "float64": apart(there(lr.to(device)), whole),
                "float32": apart(there.float()(lr.to(device).float()), whole),
            }
            with torch.autocast(device.type, torch.bfloat16):
                CHECKS[f"network {name}"]["bfloat16"] = apart(there(lr.to(device).float()), whole)


def resumed(data, device, out):
    """Stop a deterministic run half-way and go on; compare with one that was not stopped."""
    recipe = Decloss.preset("smoke", steps=30, save_every=10, deterministic=True, log_every=5)
    ends = {}
    for name, budget in (("whole", None), ("stopped", 1e-6)):
        folder = out / f"resume-{name}"
        train(recipe, data, folder, device=str(device), budget=budget)
        train(recipe, data, folder, device=str(device), resume=True)
        ends[name] = load_network(folder)[0].state_dict()
    same = [bool(torch.equal(ends["whole"][key], ends["stopped"][key])) for key in ends["whole"]]
    CHECKS["resume, deterministic"] = {"equal tensors": sum(same), "tensors": len(same)}


def speeds(device):
    generator = torch.Generator().manual_seed(0)
    for patches, batch, crop in SIZES:
        hr = torch.rand(batch, 3, crop // 8, crop // 8, generator=generator)
        hr = torch.nn.functional.interpolate(hr, size=(crop, crop), mode="bicubic").clamp(0, 1).to(device)
        sr = (hr + 0.02 * torch.randn(hr.shape, generator=generator).to(device)).clamp(0, 1).requires_grad_()
        for backend in ("tiled", "dense"):
            if patches > 20_000 and (backend == "dense" or device.type == "cpu"):
                continue

            def step(sr=sr, hr=hr, backend=backend):
                sr.grad = None
                decloss(sr, hr, backend=backend).backward()

            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
                before = torch.cuda.memory_allocated()
            seconds = timed(step, device, 5)
            peak = (torch.cuda.max_memory_allocated() - before) / 2**20 if device.type == "cuda" else None
            TIMES[f"decloss {backend}, {patches} patches"] = {"s": round(seconds, 5), "MiB": peak}


def steps_per_second(recipe, data, device, out, name, steps=60):
    """Train for a while, and again for twice as long: the difference leaves out what comes before the first step."""
    seconds = []
    for count in (steps, 3 * steps):
        folder = out / f"timing-{name}-{count}"
        start = time.perf_counter()
        train(replace(recipe, steps=count, save_every=10_000, log_every=50), data, folder, device=str(device))
        seconds.append(time.perf_counter() - start)
        shutil.rmtree(folder)
    one = (seconds[1] - seconds[0]) / (2 * steps)
    TIMES[f"step, {name}"] = {"s": round(one, 5), "crops per s": round(recipe.batch / one, 1)}
    return one


def batch_of(pictures, recipe, step):
    margin = MARGIN * recipe.scale
    pixels = pictures.batch(step, recipe.batch, recipe.crop, recipe.seed, recipe.scale, margin)
    around = pixels.float().div_(255)
    return degrade(around, recipe.scale, MARGIN), around[:, :, margin:-margin, margin:-margin].contiguous()


def balance(net, pictures, recipe, rounds):
    """Norms of the gradients of L1 and of each reading of DECLoss, at the output and over the parameters, by batch."""
    found = {name: [] for name in ("L1", *READINGS)}
    dark = []
    net = copy.deepcopy(net).train().requires_grad_()
    weights = list(net.parameters())
    for step in range(rounds):
        lr, hr = batch_of(pictures, replace(recipe, seed=9000), step)
        blocks = hr.unfold(2, 8, 8).unfold(3, 8, 8)
        rms = blocks.square().mean((1, 4, 5)).sqrt()
        dark.append(float((rms < 8 / 255).float().mean()))
        for name in found:
            sr = net(lr)
            if name == "L1":
                loss = (sr - hr).abs().mean()
            else:
                chosen = dict(READINGS[name])
                if chosen.pop("enhancement", False):
                    chosen["enhancement"] = HighFrequencyEnhancement()
                loss = decloss(sr, hr, **chosen)
            at_output, *over_weights = torch.autograd.grad(loss, [sr, *weights])
            found[name].append(
                [float(at_output.norm()), float(torch.nn.utils.get_total_norm(over_weights)), float(loss)]
            )
    return {"columns": ["at the output", "over the parameters", "value"], "norms": found, "dark": dark}


class Testing:
    def __init__(self, folders, device):
        self.names, self.hr, self.lr = [], [], []
        for folder in folders:
            for path in list_pictures(folder):
                hr = read_picture(path)
                height, width = (side // 4 * 4 for side in hr.shape[-2:])
                self.hr.append(hr[:, :height, :width].double().to(device))
                self.names.append(f"{Path(folder).name}/{path.stem}")
        self.lr = [degrade(hr, 4) for hr in self.hr]

    @torch.no_grad()
    def made_by(self, net):
        return [eight_bits(net(lr[None].float())[0].double()) for lr in self.lr]

    def measure(self, made):
        return {
            name: [float(f"{float(metric(sr, hr)):.5g}") for sr, hr in zip(made, self.hr, strict=True)]
            for name, metric in METRICS.items()
        }


def unsharp(picture, amount, sigma):
    reach = int(3 * sigma + 0.5)
    line = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2)).to(picture)
    line = line / line.sum()
    x = pad(picture[None], [reach] * 4, mode="replicate")[0][:, None]
    blurred = conv2d(conv2d(x, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))[:, 0]
    return picture + amount * (picture - blurred)


def sharpened(testing, made):
    A = Resize(4)
    rows = []
    for sigma in (0.7, 1.0, 1.5, 2.5):
        for amount in (0.5, 1.0, 2.0):
            sharp = [unsharp(sr, amount, sigma) for sr in made]
            agreed = [A.consistent(sr, lr) for sr, lr in zip(sharp, testing.lr, strict=True)]
            for name, pictures in (("unsharp", sharp), ("unsharp, consistent", agreed)):
                values = testing.measure([eight_bits(sr) for sr in pictures])
                rows.append({"arm": name, "sigma": sigma, "amount": amount, "values": values})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of training pictures")
    parser.add_argument("--test", required=True, nargs="+", help="folders to measure on")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--budget", type=float, default=540.0, help="seconds")
    parser.add_argument("--first", type=int, default=8000, help="steps of the first stage, at most")
    parser.add_argument("--second", type=int, default=1500, help="steps of the second stage, at most")
    parser.add_argument("--network", default="edsr-baseline")
    parser.add_argument("--batch", type=int, default=32)
    asked = parser.parse_args()
    begun = time.monotonic()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    asked.out.mkdir(parents=True, exist_ok=True)
    runs = asked.out / "runs.tmp"
    found = {
        "device": name_of(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "srtheory": __version__,
        "date": time.strftime("%Y-%m-%d"),
        "checks": CHECKS,
        "times": TIMES,
        "problems": {},
        "rows": [],
    }

    def left():
        return asked.budget - (time.monotonic() - begun)

    def keep(text):
        found["seconds"] = round(time.monotonic() - begun, 1)
        part = asked.out / "gpu.part"
        part.write_text(json.dumps(found))
        part.replace(asked.out / "gpu.json")
        print(f"{found['seconds']:7.1f} s  {text}", flush=True)

    def attempt(name, call):
        try:
            result = call()
        except Exception as error:  # the rest is still worth having
            found["problems"][name] = f"{type(error).__name__}: {error}"
            result = None
            print("PROBLEM", name, found["problems"][name], flush=True)
        keep(name)
        return result

    paths = list_pictures(asked.data)
    attempt("checks", lambda: checks(photographs(paths[:4], 192), device))
    pictures = Pictures(asked.data, device)
    found["train"] = {"name": Path(asked.data).name, "pictures": len(pictures), "sha256": pictures.hash}
    attempt("resume", lambda: resumed(pictures, device, runs))
    attempt("speeds", lambda: speeds(device))
    first = Sisr(
        network=asked.network, crop=192, batch=asked.batch, steps=asked.first, learning_rate=4e-4, warmup=200,
        save_every=100_000,
    )  # fmt: skip
    second = Decloss(
        network=asked.network, crop=128, batch=asked.batch, steps=asked.second, learning_rate=1e-4, warmup=50,
        l1_weight=1.0, decloss_weight=0.0, save_every=100_000,
    )  # fmt: skip
    one = attempt("time of sisr", lambda: steps_per_second(first, pictures, device, runs, "L1, crops of 192"))
    attempt("time of L1", lambda: steps_per_second(second, pictures, device, runs, "L1, crops of 128"))
    two = attempt(
        "time of decloss",
        lambda: steps_per_second(
            replace(second, decloss_weight=1e-3), pictures, device, runs, "L1 + DECLoss, crops of 128"
        ),
    )
    testing = Testing(asked.test, device)
    found["test"] = testing.names
    # A third of what is left goes to the first stage, the rest to ten arms.
    first = replace(first, steps=min(asked.first, int(left() / 3 / one)))
    attempt("first stage", lambda: train(first, pictures, runs / "first", device=str(device)))
    net, _ = load_network(runs / "first", device)
    found["first"] = {"steps": first.steps, "crop": first.crop, "batch": first.batch, "rate": first.learning_rate}
    made = testing.made_by(net)
    measuring = time.monotonic()
    found["rows"].append({"arm": "start", "seed": 0, "values": testing.measure(made)})
    measuring = time.monotonic() - measuring
    keep("start measured")
    found["balance"] = attempt("balance", lambda: balance(net, pictures, second, 24))
    medians = {
        name: statistics.median(norms[1] for norms in values) for name, values in found["balance"]["norms"].items()
    }
    arms = [("L1, as many steps", {})]
    for share in (1.0, 0.1):
        arms += [
            (f"{name}, share {share:g}", {**chosen, "decloss_weight": share * medians["L1"] / medians[name]})
            for name, chosen in READINGS.items()
        ]
    arms.append(("COO, as printed", {"l1_weight": 1e-2, "decloss_weight": 1e-2}))
    each = (left() - 30 - measuring * (len(arms) + 24)) / len(arms)  # seconds of an arm
    second = replace(second, steps=max(100, min(asked.second, int(each / (1.3 * two)))))
    found["second"] = {
        "steps": second.steps, "crop": second.crop, "batch": second.batch, "rate": second.learning_rate,
    }  # fmt: skip
    for seed in (0, 1, 2):
        for number, (name, changes) in enumerate(arms):
            if left() < 30 and seed:
                break
            recipe = replace(second, seed=100 + seed, start=str(runs / "first"), **changes)
            folder = runs / f"second-{seed}-{number}"
            outcome = attempt(
                name,
                lambda recipe=recipe, folder=folder: train(
                    recipe, pictures, folder, device=str(device), budget=max(left() - 10, 5)
                ),
            )
            if outcome is None or outcome.state != "done":
                continue
            there, _ = load_network(folder, device)
            changed = testing.made_by(there)
            if seed == 0:
                weights = {key: value.half().cpu().contiguous() for key, value in there.state_dict().items()}
                save_file(weights, asked.out / f"arm{number}.safetensors")
            if number == 0 and seed == 0:
                plain = changed
            found["rows"].append({"arm": name, "seed": seed, "values": testing.measure(changed), "settings": changes})
            keep(f"{name}, seed {seed}: {statistics.mean(found['rows'][-1]['values']['psnr']):.2f} dB")
        if seed == 0:
            rows = attempt("sharpened", lambda plain=plain: sharpened(testing, plain))
            found["sharpened"] = rows
            keep("done once")
    shutil.rmtree(runs, ignore_errors=True)
    keep("end")


if __name__ == "__main__":
    main()
