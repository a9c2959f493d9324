#!/bin/sh
# Run the chapters as other machines would, and say for each whether what they print agrees with what is stored:
#     sh tools/portable.sh [--newest] [CHAPTER ...]
# Other processors are emulated by what torch, oneDNN, MKL and OpenBLAS may use; --newest also runs them in an
# environment of the newest releases that pyproject.toml admits, with the torch that is here.
set -u
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -x "$python" ] || { echo "There is no environment yet; run make book first" >&2; exit 1; }
newest=no
[ "${1:-}" != --newest ] || { newest=yes; shift; }
if [ $# -eq 0 ]; then
    set -- chapters/ch*.ipynb
else
    for name in "$@"; do
        set -- "$@" chapters/"$name"*.ipynb
        shift
    done
    for path in "$@"; do
        [ -f "$path" ] || { echo "there is no $path; name chapters as ch01 ch10" >&2; exit 1; }
    done
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
bad=0

chapters() { # name, python, settings, --, chapters
    name=$1 with=$2
    shift 2
    settings=
    while [ "$1" != -- ]; do settings="$settings $1"; shift; done
    shift
    start=$(date +%s)
    # shellcheck disable=SC2086
    if env $settings "$with" -m pytest --nbval --nbval-current-env --nbval-cell-timeout 600 -p no:cacheprovider \
        -W default "$@" >"$log" 2>&1; then result=agrees; else result=DIFFERS bad=1; fi
    printf '%-44s %-8s %s, %s s\n' "$name" "$result" "$(tail -n 1 "$log")" "$(($(date +%s) - start))"
    [ "$result" = agrees ] || grep '^FAILED' "$log"
}

old="ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 OPENBLAS_CORETYPE=Nehalem"
mid="ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell"
for threads in 1 2; do
    count="OMP_NUM_THREADS=$threads MKL_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads"
    # shellcheck disable=SC2086
    for kind in "SSE 4" AVX2 "as it is"; do
        case $kind in "SSE 4") settings="$old $count" ;; AVX2) settings="$mid $count" ;; *) settings=$count ;; esac
        chapters "$kind, $threads thread(s)" "$python" $settings -- "$@"
    done
done
if [ $newest = yes ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$log" "$folder"' EXIT
    "$python" -m venv "$folder" &&
        "$folder/bin/python" -m pip --quiet --disable-pip-version-check install --upgrade --upgrade-strategy eager \
            "torch==$("$python" -c 'from importlib.metadata import version; print(version("torch").split("+")[0])')" \
            --editable '.[book,test]' || exit 1
    "$folder/bin/python" -m pip list --format freeze |
        grep -E '^(torch|numpy|scipy|matplotlib|scikit-learn|scikit-image|pillow|nbval|pytest|ipykernel)=='
    chapters "newest releases" "$folder/bin/python" -- "$@"
fi
exit $bad
