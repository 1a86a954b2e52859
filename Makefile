# Everything from a fresh checkout; `make help` prints the list. Needs make and Python 3.11.
# Variables: SECONDS (of fuzzing), ROUNDS (how often kill -9 and race tests repeat), ONCE=1, SCALE=1, PYTHON, NODE, CHROMIUM, PYTEST_ARGS.

.DEFAULT_GOAL := help
.PHONY: help setup run test lint format bench fuzz web lock clean

ROUNDS ?= 5
SECONDS ?= 600
export ROUNDS ONCE SCALE PYTEST_ARGS
# Where it is set, each of hundreds of processes compiles every module anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv and fetch the embedded store (the others do it by themselves)
	@scripts/bootstrap

run: setup ## play a joint operation on real processes, then keep the server up; ONCE=1: end there
	@.venv/bin/python -m cencomm_client.demo

test: setup ## all checks and all tests; ends with "N passed, N failed"
	@scripts/check

lint: setup ## ruff, mypy --strict and the import contracts, without the tests
	@scripts/check --no-tests

format: setup ## let ruff lay out the code
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix --quiet .

bench: setup ## what docs/benchmarks.md reports, ratios to a yardstick of the same run; SCALE=1: an operation of full size
	@.venv/bin/python -m tests.bench

fuzz: setup ## feed readers and handlers with what a fuzzer thinks of, SECONDS=600 for each
	@.venv/bin/python -m tests.fuzz run --seconds $(SECONDS)

web: setup ## the protocol in TypeScript: type check, tests in Node and Chromium, build
	@scripts/web npm run all

lock: setup ## write requirements/*.txt and package-lock.json anew from what they lock
	@scripts/lock

clean: ## remove everything that the other targets made here
	rm -rf .venv .embedded .node .run crypto/web/node_modules crypto/web/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
