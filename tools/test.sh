#!/bin/sh
# All checks, in the order in which they are quick to fail. $1 is the Python of the environment.
set -eu
python=$1
start=$(date +%s)

step() { echo; echo "== $1"; shift; "$@"; }
step "style" "$python" -m ruff check .
step "format" "$python" -m ruff format --check .
step "types" "$python" -m mypy
step "book" "$python" tools/build_book.py
step "tests" "$python" -m pytest
step "chapters, run anew and compared" "$python" -m pytest --nbval --nbval-current-env \
    --nbval-cell-timeout 300 -p no:cacheprovider -W default chapters
echo
echo "Passed: style, types, the book, the tests and every chapter, in $(($(date +%s) - start)) s."
echo "The book is at _build/html/index.html"
