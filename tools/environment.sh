#!/bin/sh
# Make the environment in the folder $1. A CPU build of torch is taken on Linux without an NVIDIA GPU.
set -eu
venv=$1
start=$(date +%s)
stop() { printf '%s\n' "$@" >&2; exit 1; }

new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
python=${PYTHON:-}
if [ -n "$python" ]; then
    "$python" --version >/dev/null 2>&1 || stop "PYTHON=$python does not run; name a Python 3.11 or newer"
    "$python" -c "$new_enough" || stop "PYTHON=$python is $("$python" --version 2>&1); 3.11 or newer is needed"
else
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c "$new_enough" 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
[ -n "$python" ] || stop "Python 3.11 or newer is needed and was not found." \
    "Install it, or name it: make PYTHON=/path/to/python ..."
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    stop "$python cannot make virtual environments; on Debian and Ubuntu install python3-venv"
[ -w . ] || stop "This folder cannot be written to; make a copy that you own"

# Keep what is there only if it is whole, of this Python, and was made in this folder.
version='import sys; print(sys.version, sys.base_prefix)'
made_here=no
if "$venv/bin/python" -m pip --version >/dev/null 2>&1 && grep -qsF "$PWD/$venv" "$venv/bin/activate" &&
    [ "$("$venv/bin/python" -c "$version")" = "$("$python" -c "$version")" ]; then
    made_here=yes
fi
echo "Making the environment in $venv with $("$python" --version); a few minutes, once"
rm -f "$venv/ready"
[ "$made_here" = yes ] || "$python" -m venv --clear "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }

torch=$(grep '^torch==' constraints.txt)
if [ "$(uname -s)" = Linux ] && ! nvidia-smi >/dev/null 2>&1 && ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    # A wheel that pip knows on this machine (PIP_FIND_LINKS), else the CPU builds that PyTorch publishes, which uv knows.
    if ! pip install --no-index --no-deps "$torch" 2>/dev/null; then
        pip install --constraint constraints.txt uv ||
            stop "The installer uv could not be had; is there a network? Run make again when there is."
        "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --torch-backend cpu "$torch" || stop \
            "A CPU build of $torch could not be installed for $("$python" --version): there is none, or no network." \
            "Stopping here, so as not to download gigabytes of CUDA packages. You can" \
            "  - run make again when there is a network," \
            "  - try another Python:            make PYTHON=/path/to/python3.12 ..." \
            "  - give a folder that holds a CPU wheel of torch:    PIP_FIND_LINKS=/folder make ..."
    fi
fi
pip install --constraint constraints.txt --editable '.[book,test]'
pip check
printf %s "$PWD" >"$venv/ready"
echo "The environment is ready after $(($(date +%s) - start)) s: $(du -sh "$venv" | cut -f1) in $venv"
