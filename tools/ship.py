"""Put a trained run into the package: its network's weights alone, under a name. `python tools/ship.py RUN NAME`"""

import sys
from pathlib import Path

from srtheory.training.checkpoint import SHIPPED, weights_at, write_tensors

MOST = 1_000_000  # bytes


def main(run: str, name: str) -> None:
    weights, about, _ = weights_at(run)
    settings = about["settings"]
    if about["step"] < settings["steps"]:
        sys.exit(f"{run} is not done: {about['step']} of {settings['steps']} steps")
    if Path(settings["start"]).parts[1:]:
        sys.exit(f"{run} was begun from {settings['start']}, a path of this machine; begin it from a shipped run")
    SHIPPED.mkdir(exist_ok=True)
    path = SHIPPED / f"{name}.safetensors"
    kept = {key: about[key] for key in ("version", "step", "scores", "settings")}
    write_tensors(path, {f"net/{key}": weight for key, weight in weights.items()}, kept)
    if path.stat().st_size > MOST:
        path.unlink()
        sys.exit(f"{run} takes more than {MOST} bytes")
    print(f"{path.name}: {path.stat().st_size} bytes, step {about['step']}, {about['scores']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
