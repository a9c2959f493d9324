"""Build the book from the executed chapters, every warning an error."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "import sys; from jupyter_book.cli.main import main; sys.argv[0] = 'jupyter-book'; main()"


def main() -> int:
    build = ROOT / "_build"
    part = ROOT / f"_build.{os.getpid()}.part"  # so that two builds at once do not meet
    arguments = ["build", ".", "--path-output", str(part), "-W", "-n", "--keep-going", "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYDEVD_DISABLE_FILE_VALIDATION": "1", "NO_COLOR": "1"}
    try:
        command = [sys.executable, "-c", COMMAND, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n")
            return done.returncode
        shutil.rmtree(build, ignore_errors=True)
        (part / "_build").replace(build)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
