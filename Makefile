# Each target works alone on a machine that has Python 3.11 or newer and make: the first one makes the environment.
PYTHON ?=
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python

# An environment made in another folder (moved, copied) does not serve.
ifneq ($(shell cat $(VENV)/ready 2>/dev/null),$(CURDIR))
$(shell rm -f $(VENV)/ready)
endif

.PHONY: help book test execute ledger serve bench clean
.DEFAULT_GOAL := help

help:
	@echo "make book     build the book from the executed chapters; says which page to open"
	@echo "make test     style, types, unit tests, the book and its guards, every chapter re-run and compared"
	@echo "make execute  run the chapters anew and store their outputs; CHAPTERS=ch02 runs one"
	@echo "make ledger   write the rows of book/claims.yml into the chapters' last cells"
	@echo "make serve    show the built book on this machine; PORT=8000"
	@echo "make bench    speed, as ratios within one run; ten minutes"
	@echo "make clean    remove the environment and the built book"
	@echo "PYTHON=/path/to/python chooses the Python of a new environment (after make clean)"

$(VENV)/ready: pyproject.toml constraints.txt tools/environment.sh
	@PYTHON="$(PYTHON)" sh tools/environment.sh $(VENV)

book: $(VENV)/ready
	@$(PY) tools/build_book.py
	@echo
	@echo "The book is built. Open _build/html/index.html in a browser, or run: make serve"

test: $(VENV)/ready
	@sh tools/test.sh $(PY)

execute: $(VENV)/ready
	@$(PY) tools/execute_chapters.py $(CHAPTERS)

ledger: $(VENV)/ready
	@$(PY) tools/ledger.py

serve: book
	@echo "Showing the book at http://127.0.0.1:$(PORT) (Ctrl-C ends; another port: make serve PORT=8001)"
	@$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

bench: $(VENV)/ready
	@for script in benchmarks/*.py; do echo "== $$script"; $(PY) $$script || exit 1; done

clean:
	rm -rf $(VENV) _build
