"""The one door: `srtheory data | train | evaluate | upscale | experiment`."""

import argparse
import csv
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srtheory.training import Outcome

__all__ = ["main"]

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
EXPECTED = (OSError, ValueError, FloatingPointError, ImportError, RuntimeError)
PROTOCOL = """training: RGB, LR in 8 bits, luma not rounded, gray files as three channels, as validation loops do, up to
0.02 dB above printed tables; matlab: 8-bit luma, gray files as one channel, bicubic of luma with nothing rounded
between, as printed tables have it (%(default)s)"""
SAID = {
    "training": "protocol training (luma not rounded, gray files as three channels): up to 0.02 dB above "
    "printed tables, for which there is --protocol matlab",
    "matlab": "protocol matlab, as in printed tables: luma in 8 bits, gray files as one channel",
}
EPILOG = """examples:
  srtheory upscale photo.png -o larger.png
  srtheory data get bsds500 set5 --root pictures
  srtheory train sisr --preset demo --data pictures/bsds500 --validation pictures/set5 --out runs/first
  srtheory train sisr --preset demo --data pictures/bsds500 --validation pictures/set5 --out runs/first --resume
  srtheory evaluate --run runs/first --data pictures/set5
  srtheory experiment list"""


def main(words: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        words: the command line; by default this process's.

    Returns:
        0 if it did what was asked; 2 after an error, which is told on stderr; 130 if it was interrupted.
    """
    parser = _parser()
    asked = parser.parse_args(_joined(sys.argv[1:] if words is None else words))
    if asked.call is None:
        parser.print_help()
        return 0
    call: Callable[[argparse.Namespace], int] = asked.call
    try:
        return call(asked)
    except EXPECTED as error:
        text = (
            error.args[1] if isinstance(error, OSError) and len(error.args) > 1 and not error.filename else str(error)
        )
        print(f"srtheory: {text or type(error).__name__}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("srtheory: interrupted", file=sys.stderr)
        return 130


def _joined(words: Sequence[str]) -> list[str]:
    """Join `--budget -3m` to one word, so that a wrong budget is told as such."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--budget":
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="srtheory",
        description="Super-resolution: train, measure, enlarge, and repeat what papers report.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(call=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, text: str, call: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.set_defaults(call=call)
        return made

    data = command("data", "list public sets of pictures, or get some, checked", _data)
    data.add_argument("action", choices=["list", "get"])
    data.add_argument("names", nargs="*", metavar="NAME", help="sets to get")
    data.add_argument("--root", default="pictures", metavar="DIR", help="folder to put them in (%(default)s)")

    train = command("train", "train a network by a recipe; a run can be stopped and resumed at any time", _train)
    train.add_argument("recipe", metavar="RECIPE", help="sisr (L1), or decloss (a second stage)")
    train.add_argument("--preset", default="demo", help="smoke, demo, gpu, paper or paper-v1 (%(default)s)")
    train.add_argument("--data", nargs="+", required=True, metavar="DIR", help="folders of training pictures")
    train.add_argument("--out", required=True, metavar="RUN", help="folder of the run")
    train.add_argument("--validation", metavar="DIR", help="folder of pictures to measure on")
    train.add_argument("--budget", type=_budget, metavar="TIME", help="pause after 90s, 9m or 1.5h; --resume goes on")
    train.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    train.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="change settings")
    train.add_argument("--keep", default="auto", help="where pictures lie: auto, device, memory or disk")
    _add_device(train)

    evaluate = command("evaluate", "measure a run on HR pictures, or a folder of results against originals", _evaluate)
    evaluate.add_argument("--run", metavar="RUN", help="a run, a shipped one (tiny, tiny-decloss), or bicubic")
    evaluate.add_argument("--scale", type=int, metavar="S", help="with --run bicubic: 2, 3 or 4 (4)")
    evaluate.add_argument("--data", metavar="DIR", help="with --run: folder of HR pictures")
    evaluate.add_argument("--sr", metavar="DIR", help="folder of results, anybody's")
    evaluate.add_argument("--hr", metavar="DIR", help="with --sr: folder of originals")
    evaluate.add_argument("--suffix", help="with --sr: what results' names have after originals', as _x4 (guessed)")
    evaluate.add_argument("--prefix", help="with --sr: what they have before (guessed)")
    evaluate.add_argument("--protocol", default="training", choices=["training", "matlab"], help=PROTOCOL)
    evaluate.add_argument("--channel", default="y", choices=["y", "rgb"], help="luma or all colors (%(default)s)")
    evaluate.add_argument("--border", type=int, metavar="N", help="pixels cropped at each side (the scale, else 4)")
    evaluate.add_argument("--csv", metavar="FILE", help="write the numbers, too")
    _add_device(evaluate)

    upscale = command("upscale", "enlarge a picture, or all pictures of a folder", _upscale)
    upscale.add_argument("source", metavar="IN", help="a picture, or a folder of them")
    upscale.add_argument("-o", "--out", required=True, metavar="OUT", help="a file, or a folder for a folder")
    upscale.add_argument("--run", default="tiny", help="a run, or a shipped one: tiny, tiny-decloss (%(default)s)")
    upscale.add_argument("--tile", type=int, default=256, help="side of tiles, in LR pixels (%(default)s)")
    _add_device(upscale)

    experiment = command("experiment", "run one table or figure of a paper; `experiment list` lists them", _experiment)
    experiment.add_argument("name", metavar="NAME")
    experiment.add_argument("--preset", default="recorded", help="recorded, smoke, demo, gpu or paper (%(default)s)")
    experiment.add_argument("--data", nargs="+", metavar="DIR", help="folders of training pictures")
    experiment.add_argument("--test", nargs="+", metavar="DIR", help="folders of pictures to measure on")
    experiment.add_argument(
        "--out", metavar="DIR", help="folder for its runs and NAME.json; goes on with what is there"
    )
    experiment.add_argument("--budget", type=_budget, metavar="TIME", help="pause after 90s, 9m or 1.5h; call it again")
    experiment.add_argument("--vgg", default="", metavar="FILE", help="VGG-19 weights for rows with a perceptual loss")
    _add_device(experiment)
    return parser


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (a GPU where there is one)")


def _budget(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"a positive time such as 90s, 9m or 1.5h, not {text!r}")
    return seconds


def _say(line: str) -> None:
    """Print a line, above a progress bar where there is one."""
    from tqdm import tqdm

    tqdm.write(line)
    sys.stdout.flush()


def _data(asked: argparse.Namespace) -> int:
    from srtheory.data import CATALOGUE, get_set

    if asked.action == "list":
        for name, entry in CATALOGUE.items():
            size = "size unknown" if entry.bytes is None else f"{entry.bytes / 2**20:8.1f} MiB"
            _say(f"{name:14} {entry.kind:8} {entry.pictures:5} pictures {size:>12}  {entry.terms}")
        return 0
    if not asked.names:
        raise ValueError(f"data get takes the names of sets: {', '.join(CATALOGUE)}")
    for name in asked.names:
        _say(f"{name}: {get_set(name, asked.root)}")
    return 0


def _train(asked: argparse.Namespace) -> int:
    from srtheory.training import train
    from srtheory.training.recipes import RECIPES

    if asked.recipe not in RECIPES:
        raise ValueError(f"there is no recipe {asked.recipe!r}; there are {', '.join(RECIPES)}")
    kind = RECIPES[asked.recipe]
    outcome: Outcome = train(
        kind.preset(asked.preset, **kind.parsed(asked.set)),
        asked.data,
        asked.out,
        validation=asked.validation,
        device=asked.device,
        budget=asked.budget,
        resume=asked.resume,
        keep=asked.keep,
        say=_say,
    )
    return 130 if outcome.state == "interrupted" else 0


def _evaluate(asked: argparse.Namespace) -> int:
    if (asked.run and asked.data and not (asked.sr or asked.hr)) == (
        asked.sr and asked.hr and not (asked.run or asked.data)
    ):
        raise ValueError("evaluate takes --run RUN --data DIR, or --sr DIR --hr DIR")
    if asked.sr and asked.scale is not None:
        raise ValueError("--scale is for --run bicubic; with --sr the border says it: --border N")
    if asked.csv and not Path(asked.csv).parent.is_dir():
        raise FileNotFoundError(f"{Path(asked.csv).parent}: no such folder to write to")
    rows: list[dict[str, str | float]]
    if asked.run:
        from srtheory.training import evaluate, load_network
        from srtheory.training.engine import device_of

        device = device_of(asked.device)
        options = {"channel": asked.channel, "border": asked.border, "device": device, "protocol": asked.protocol}
        if asked.run == "bicubic":
            measured = evaluate(None, asked.data, 4 if asked.scale is None else asked.scale, **options)
            rows = [{"picture": m.name, "PSNR": m.psnr, "SSIM": m.ssim} for m in measured]
        else:
            net, recipe = load_network(asked.run, device)
            if asked.scale not in (None, recipe.scale):
                raise ValueError(f"--scale is for --run bicubic; {asked.run} enlarges {recipe.scale} times")
            measured = evaluate(net, asked.data, recipe.scale, **options)
            rows = [{"picture": m.name, "PSNR": m.psnr, "SSIM": m.ssim, "bicubic": m.bicubic} for m in measured]
    else:
        from srtheory.metrics import compare_folders
        from srtheory.metrics.folders import guessed_names

        prefix, suffix = asked.prefix or "", asked.suffix or ""
        if asked.prefix is None and asked.suffix is None:
            prefix, suffix = guessed_names(asked.sr, asked.hr)
            if prefix or suffix:
                _say(f"results are taken to be named {prefix}NAME{suffix}; --prefix and --suffix say otherwise")
        border = 4 if asked.border is None else asked.border
        scores = compare_folders(asked.sr, asked.hr, asked.channel, border, suffix, prefix, asked.protocol)
        rows = [{"picture": score.name, "PSNR": score.psnr, "SSIM": score.ssim} for score in scores]
    names = list(rows[0])[1:]
    means = {name: sum(float(row[name]) for row in rows) / len(rows) for name in names}
    width = max(len(str(row["picture"])) for row in rows)
    head: dict[str, str | float] = {"picture": "", **{name: name for name in names}}
    last: dict[str, str | float] = {"picture": "mean", **means}
    lines: list[dict[str, str | float]] = [head, *rows, last]
    for line in lines:
        cells = [f"{line[name]:>8.4f}" if isinstance(line[name], float) else f"{line[name]:>8}" for name in names]
        _say(f"{line['picture']:{max(width, 4)}}  {'  '.join(cells)}")
    _say(f"{'luma' if asked.channel == 'y' else 'RGB'}, decibels; {len(rows)} pictures")
    _say(SAID[asked.protocol] if asked.channel == "y" else "protocol training, in RGB")
    if asked.csv:
        with Path(asked.csv).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["picture", *names], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return 0


def _upscale(asked: argparse.Namespace) -> int:
    from srtheory.data import list_pictures
    from srtheory.training import load_network
    from srtheory.training.engine import device_of
    from srtheory.training.upscaling import upscale_file

    if asked.tile < 16:
        raise ValueError(f"--tile must be at least 16 LR pixels, not {asked.tile}")
    device = device_of(asked.device)
    net, recipe = load_network(asked.run, device)
    source, target = Path(asked.source), Path(asked.out)
    pairs = [(source, target)]
    if source.is_dir():
        if target.exists() and not target.is_dir():
            raise ValueError(f"{source} is a folder, but {target} is a file; give a folder for the results")
        target.mkdir(parents=True, exist_ok=True)
        found = list_pictures(source)
        stems = [path.stem for path in found]
        names = [path.stem if stems.count(path.stem) == 1 else path.name for path in found]
        pairs = [(path, target / f"{name}.png") for path, name in zip(found, names, strict=True)]
    elif target.is_dir():
        pairs = [(source, target / f"{source.stem}.png")]
    failed = 0
    for one, other in pairs:
        try:
            height, width = upscale_file(net, one, other, recipe.scale, tile=asked.tile, device=device)
        except (OSError, ValueError) as error:
            if len(pairs) == 1:
                raise
            print(f"srtheory: {error}", file=sys.stderr)
            failed += 1
        else:
            _say(f"{other}: {width} x {height} pixels")
    if failed:
        raise ValueError(f"{failed} of {len(pairs)} pictures were left out, see above")
    return 0


def _experiment(asked: argparse.Namespace) -> int:
    from srtheory import experiments

    if asked.name == "list":
        for name, text in experiments.listed().items():
            _say(f"{name:22} {text}")
        return 0
    settings = {
        "data": asked.data,
        "test": asked.test,
        "out": asked.out,
        "budget": asked.budget,
        "device": asked.device,
        "vgg": asked.vgg,
        "say": _say,
    }
    result = experiments.get(asked.name, asked.preset, **settings)
    if result is None:
        return 0
    _say(result.table())
    if asked.out:
        _say(f"written to {Path(asked.out) / (asked.name + '.json')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
