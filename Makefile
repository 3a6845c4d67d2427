# Two commands for people: `make run` and `make test`; `make check` is what else CI runs.
# uv is taken from PATH, else put into .uv/; outside this folder only uv's own download cache is written (UV_CACHE_DIR).
UV ?= $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)

.PHONY: run test check format

run: $(UV)
	$(UV) run --quiet --no-dev homeroom serve --demo

test: $(UV)
	PYTHONDONTWRITEBYTECODE= $(UV) run --quiet pytest -n 3 --dist worksteal

check: $(UV)
	$(UV) run --quiet ruff check .
	$(UV) run --quiet ruff format --check .
	$(UV) run --quiet mypy
	$(UV) run --quiet lint-imports

format: $(UV)
	$(UV) run --quiet ruff check --fix .
	$(UV) run --quiet ruff format .

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv
