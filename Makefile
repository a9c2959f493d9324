# Each target works alone on a machine that has Python 3.11 or newer and make: the first one makes the environment.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help book test execute serve bench clean
.DEFAULT_GOAL := help

help:
	@echo "make book     build the book from the executed chapters; says which page to open"
	@echo "make test     style, types, unit tests, the book and its guards, every chapter re-run and compared"
	@echo "make execute  run the chapters anew and store their outputs"
	@echo "make serve    show the built book on this machine"
	@echo "make bench    speed, as ratios within one run"
	@echo "make clean    remove the environment and the built book"

$(VENV)/ready: pyproject.toml constraints.txt tools/environment.sh
	@PYTHON="$(PYTHON)" sh tools/environment.sh $(VENV)

book: $(VENV)/ready
	@$(BIN)/python tools/build_book.py
	@echo
	@echo "The book is built. Open _build/html/index.html in a browser, or run: make serve"

test: $(VENV)/ready
	@sh tools/test.sh $(BIN)

execute: $(VENV)/ready
	@$(BIN)/python tools/execute_chapters.py $(CHAPTERS)

serve: book
	@echo "Showing the book at http://127.0.0.1:8000 (Ctrl-C ends)"
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

bench: $(VENV)/ready
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) _build
