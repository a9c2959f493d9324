#!/bin/sh
# All checks, in the order in which they are quick to fail. $1 is the environment's bin folder.
set -eu
bin=$1
start=$(date +%s)

step() { echo; echo "== $1"; shift; "$@"; }
step "style" "$bin/ruff" check .
step "format" "$bin/ruff" format --check .
step "types" "$bin/mypy"
step "book" "$bin/python" tools/build_book.py
step "tests" "$bin/python" -m pytest
step "chapters, run anew and compared" "$bin/python" -m pytest --nbval --nbval-current-env \
    --nbval-sanitize-with tests/book/sanitize.cfg --nbval-cell-timeout 300 -p no:cacheprovider -W default chapters
echo
echo "Passed: style, types, the book, the tests and every chapter, in $(($(date +%s) - start)) s."
echo "The book is at _build/html/index.html"
