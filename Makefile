# The commands of the project; `make` alone lists them. Set-up runs first where a command needs it.
PYTHON := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup whole demo demo-hospital demo-counter test drills world appliance city fleet bench fuzz kills lint clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing on this machine and in .venv; quick when nothing is
	@.ci/setup

whole: ## the same, with what the tests and the city need: a browser, PostgreSQL, software key stores
	@.ci/setup whole

demo: setup ## the main job on simulated chips: taps, torn taps, shift report, reconciliation
	@.ci/pcscd run .venv/bin/smk demo

demo-hospital: setup ## a clerk's day at a hospital counter: six patients, offline, cancelled, reconciliation
	@.ci/pcscd run .venv/bin/smk demo-hospital

demo-counter: setup ## a day at the library's desk, the market's till and the top-up desk, on their pages
	@.ci/pcscd run .venv/bin/smk demo-counter

test: lint ## everything that must hold: lint, then the tests with coverage (10 minutes at most)
	@$(PYTHON) -m pytest -m "not drill and not readers" -n 2 --dist loadfile --cov --cov-report=
	@.ci/pcscd run $(PYTHON) -m pytest -m "readers and not drill" --cov --cov-append --cov-report=term

drills: whole ## longer forms of the tests (20 minutes at most)
	@.ci/pcscd run $(PYTHON) -m pytest -m drill

world: setup ## terminals, cards, disks, clocks, network and backend simulated with every fault, and known wrong programs
	$(PYTHON) -m tests.world --runs 20 --days 2
	$(PYTHON) -m tests.world --place clinic --runs 20 --days 3
	$(PYTHON) -m tests.world --place library --runs 20 --days 3
	$(PYTHON) -m tests.world --place market --runs 20 --days 2
	$(PYTHON) -m tests.world --mutant all
	$(PYTHON) -m tests.world --cuts 500

appliance: whole ## a Debian booted in a container becomes a terminal: stopped and hung in a tap, updates, read-only root; as root
	@$(PYTHON) -m tests.appliance

city: whole ## a city on this machine: PostgreSQL, collectors, twenty devices of all kinds, the operator's page
	@.ci/pcscd run $(PYTHON) -m tests.fleet.town

fleet: whole ## a city's terminals against real collectors and PostgreSQL: outages, roll-outs, a restored database
	$(PYTHON) -m tests.fleet

bench: whole ## measure taps against a floor of the same run; fails past a limit
	@.ci/pcscd run $(PYTHON) -m tests.bench

fuzz: setup ## ten million hostile inputs for each parser, guided by coverage (docs/proof.md); some days
	@$(PYTHON) -m tests.fuzz

kills: setup ## kill -9 of journal and device, power cuts under ext4, at length (docs/proof.md); an hour, as root
	@$(PYTHON) -m tests.proof kills
	@.ci/pcscd run $(PYTHON) -m tests.proof device
	@$(PYTHON) -m tests.proof power

lint: whole ## ruff, mypy --strict and the import contracts
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

clean: ## remove .venv, state, caches and build products; stop our own pcscd
	@.ci/pcscd stop
	rm -rf .venv .state build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
