#!/bin/sh
# Make the environment in the folder $1. A CPU build of torch is taken on Linux without an NVIDIA GPU.
set -eu
venv=$1
start=$(date +%s)

python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "Python 3.11 or newer is needed and was not found; install it, or name it: make PYTHON=/path/to/python ..." >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$python cannot make virtual environments; on Debian and Ubuntu install python3-venv" >&2
    exit 1
fi

echo "Making the environment in $venv with $("$python" --version); a few minutes, once"
rm -f "$venv/ready"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }

torch=$(grep '^torch==' constraints.txt)
if [ "$(uname -s)" = Linux ] && ! nvidia-smi >/dev/null 2>&1 && ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    # A wheel that pip knows on this machine (PIP_FIND_LINKS), else the CPU builds that PyTorch publishes, which uv knows.
    if ! pip install --no-index --no-deps "$torch" 2>/dev/null; then
        pip install uv
        if ! "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --torch-backend cpu "$torch"; then
            echo "No CPU build of $torch could be had; install one with" >&2
            echo "    $venv/bin/python -m pip install <a torch CPU wheel>" >&2
            echo "and run make again. Stopping here, so as not to download gigabytes of CUDA packages." >&2
            exit 1
        fi
    fi
fi
pip install --constraint constraints.txt --editable '.[book,test]'
pip check
touch "$venv/ready"
echo "The environment is ready after $(($(date +%s) - start)) s: $(du -sh "$venv" | cut -f1) in $venv"
