# Everything a fresh machine with Python 3.11 to 3.13, make and git needs. `make demo` and `make test` do their own set-up.
# PYTHON= names the interpreter; without it the newest of the three that runs and can make an environment is taken.
PYTHON ?= $(shell for v in 3.13 3.12 3.11; do python$$v -c 'import ensurepip, venv' 2>/dev/null && echo python$$v && break; done)
# Where the CPU build of PyTorch comes from, for Linux without an NVIDIA driver; empty: the build with GPU libraries.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH := tests/benchmarks
COVERED := $(CURDIR)/build/coverage/data

.PHONY: help demo test check types docs gate bench gpu coverage audit clean

# This list.
help:
	@awk '/^# /{text = substr($$0, 3)} /^$$/{text = ""} /^[a-z]+:/{sub(":.*", ""); printf "make %-10s%s\n", $$0, text}' Makefile

$(READY): pyproject.toml constraints.txt
	.ci/environment $(VENV) "$(PYTHON)" "$(TORCH_INDEX)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[cpu,dev,parquet]'
	touch $(READY)

# Real and generated digits against real ones, and damaged photographs against the originals.
demo: $(READY)
	$(BIN)/python docs/demo.py

# The test suite: one process a core, one thread a process, since the tests are many and small.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

# Lint, format, types, the contracts between modules, the workflows and the containers.
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy docs/demo.py docs/first_picture.py docs/learning_rates.py docs/record_runs.py
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/hadolint Dockerfile

# --verifytypes takes the Python of PATH, whatever --pythonpath says.
# Public names have types that pyright knows, as other people's type checkers need. Asks PyPI for pyright at the first call.
types: $(READY)
	test -x build/types/bin/basedpyright || { $(PYTHON) -m venv build/types && build/types/bin/pip install --quiet basedpyright==1.40.2; }
	PATH="$(CURDIR)/$(BIN):$$PATH" build/types/bin/basedpyright --verifytypes ganeval --ignoreexternal --outputjson | $(BIN)/python .ci/public-types

# The documentation site in build/site, by mkdocs-material in an environment of its own; a warning stops it.
docs: build/docs/.ready
	NO_MKDOCS_2_WARNING=1 build/docs/bin/mkdocs build --quiet

build/docs/.ready: docs/requirements.txt
	$(PYTHON) -m venv build/docs
	build/docs/bin/pip install --quiet --requirement docs/requirements.txt
	touch $@

# A shipped generator, and a small model that is trained for some seconds, against their recorded baselines.
gate: $(READY)
	.ci/gate

# Timings by pytest-benchmark, of one file with BENCH=; `ganeval leaderboard add build/benchmark.json` records them.
bench: $(READY)
	mkdir -p build
	$(BIN)/python -m pytest $(BENCH) -o python_files='bench_*.py' -m '' --benchmark-json=build/benchmark.json

# What a machine with CUDA must show: parity with the CPU, speeds, training; results in build/gpu/results.
gpu: $(READY)
	$(BIN)/python -m tests.gpu --minutes 8 --out build/gpu/results

# Lines and branches that the test suite runs, some twelve minutes.
coverage: $(READY)
	rm -rf build/coverage
	COVERAGE_FILE=$(COVERED) OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -n auto
	COVERAGE_FILE=$(COVERED) $(BIN)/coverage combine --quiet
	COVERAGE_FILE=$(COVERED) $(BIN)/coverage report

# Known vulnerabilities of the pinned packages, by pip-audit in an environment of its own. Asks PyPI; fails where it cannot.
audit:
	test -x build/audit/bin/pip-audit || { $(PYTHON) -m venv build/audit && build/audit/bin/pip install --quiet pip-audit; }
	build/audit/bin/pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

# Removes the environment.
clean:
	rm -rf $(VENV)
