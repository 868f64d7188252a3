# Every target forwards to tm.py or to a tool of its environment.
VENV ?= $(or $(TM_VENV),.venv)
TM = python3 tm.py

.DEFAULT_GOAL := help
.PHONY: help up test check chaos two-executors bench-trades venue-clients venue-faults fuzz fuzz-limits fuzz-alerts histories lint fmt lock oracles simulate simulate-postgres crash-points

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## Start everything on this machine
	$(TM) up

test: ## Run the whole gate
	$(TM) test

check: ## Prove the README as a new user (what CI runs)
	.ci/run

venue-clients: ## Run clients written by others against the paper venue (needs the network, and Node)
	$(VENV)/bin/python -m tests.wire.run

venue-faults: ## Every ordered pair of faults over a bracket's life, in virtual time
	TM_FULL=1 $(VENV)/bin/python -m pytest -q -n auto --show-capture=no \
		tests/simulation/test_faults.py tests/simulation/test_faults_oracle.py

fuzz-limits: ## Thousands of random histories in which no limit of contracts or money is passed
	TM_FULL=1 $(VENV)/bin/python -m pytest -q -n auto --show-capture=no \
		tests/contract/ledger/test_limits.py tests/contract/ledger/test_money.py \
		tests/simulation/test_reached.py

histories: ## Thousands of random histories, two clients at once, on both ledgers: SLICE=1/8
	$(VENV)/bin/python -m tests.contract.ledger.run_histories \
		--histories $(or $(HISTORIES),5000) --slice $(or $(SLICE),1/1)

fuzz-alerts: ## Five minutes of bodies that nobody wrote for the reader of alerts
	$(VENV)/bin/python -m tests.corpus.fuzz_alerts 300

fuzz: ## Requests nobody wrote to every route, resumable; CASES=50000 MINUTES=0 CUT_EVERY=0 of the database
	$(VENV)/bin/python -m tests.fuzz --cases $(or $(CASES),50000) --minutes $(or $(MINUTES),0) \
		--cut-every $(or $(CUT_EVERY),0) --state $(or $(OUT),.tm/fuzz.json)

venue-week: ## A whole week of trading with everything that goes wrong, in virtual time
	TM_FULL=1 $(VENV)/bin/python -m pytest -q --show-capture=no tests/simulation/test_week.py

chaos: ## Kills under load, judged from outside; SLICE=k/20 lives one slice, KILLS= SIGNALS= ACCOUNTS=
	$(VENV)/bin/python -m tests.chaos --kills $(or $(KILLS),1000) --signals $(or $(SIGNALS),100000) \
		--accounts $(or $(ACCOUNTS),20) --slice $(or $(SLICE),all/20) --out $(or $(OUT),.tm/chaos)

two-executors: ## Two execution processes on 20 logins: one stands still for 30 s, one is killed
	$(VENV)/bin/python -m tests.chaos.executors --logins 20 --pause 30

simulate: ## Whole worlds under faults by the thousand: SEEDS=100000 SLICE=1/20, or one by SEED=7
	$(VENV)/bin/python -m tests.simulation.world.simulate \
		$(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),2000) --slice $(or $(SLICE),1/1))

simulate-postgres: ## The same worlds on the real ledger and its twin: SEEDS=200 SLICE=1/2, or SEED=7
	$(VENV)/bin/python -m tests.simulation.world.simulate --postgres \
		$(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),200) --slice $(or $(SLICE),1/1))

crash-points: ## Kill a process at every occurrence of every named point of a standard life
	$(VENV)/bin/python -m tests.simulation.world.crash_points --one-in $(or $(ONE_IN),1)

bench-trades: ## Pages and totals of a million trades against ten thousand: TRADES= ROUNDS=
	$(VENV)/bin/python -m bench.trades --trades $(or $(TRADES),1000000) --rounds $(or $(ROUNDS),15)

lint: ## Static checks only: lint, import contracts, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

fmt: ## Format, and mend what the linter can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

lock: ## Resolve requirements.lock again from pyproject.toml
	$(VENV)/bootstrap/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --group local --group dev -o requirements.lock pyproject.toml

oracles: ## Compare our session calendar with pandas_market_calendars (own environment)
	$(VENV)/bootstrap/bin/uv venv --quiet --allow-existing --python $(VENV)/bin/python .tm/oracles
	$(VENV)/bootstrap/bin/uv pip install --quiet --python .tm/oracles --group oracles
	.tm/oracles/bin/python -m tests.oracles.calendars
