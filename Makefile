# Every target is what CI calls. `make` alone lists them.
SHELL := /bin/sh
.SHELLFLAGS := -eu -c
FUZZTIME ?= 5s
SEED ?= demo
# What the program is built for in wheels.
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
# What servers keep their records in while they are tested: twice, disk or redis.
STORE ?=
VENV := .venv
# The plugin host's own tests run Python. Where there is none the others pass all
# the same; CI has one.
TAGS := $(shell command -v python3 >/dev/null 2>&1 || echo -tags=nopython)

.PHONY: help shots build run test race lint fuzz tools real oracles compose plugins published wheels bench storm soak pgo docs clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

build: ## the binary, into bin/
	@CGO_ENABLED=0 go build -pgo=cmd/counterpart/hot.pgo -trimpath -ldflags '-s -w' -o bin/counterpart ./cmd/counterpart

run: build ## start the demo company; SEED=file for another one
	@bin/counterpart serve $(SEED)

test: ## all tests that need no installing; STORE=redis for another store below the servers
	@test -z "$(TAGS)" || echo 'python3 is missing: what runs plugins is not tested'
	COUNTERPART_TEST_STORE=$(STORE) go test $(TAGS) ./...

race: ## the same under the race detector, on a store that runs every update twice
	COUNTERPART_TEST_STORE=twice GORACE=halt_on_error=1 go test -race ./...

lint: ## format, vet, staticcheck, types and lint of the console's modules, modules
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'not formatted: run gofmt -w'; exit 1; }
	go vet ./...
	go vet -tags real,oracles,openbao,compose ./...
	go tool staticcheck ./...
	@.ci/types
	go mod tidy -diff
	go mod verify

fuzz: ## every fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

tools: ## install the real clients and open servers (Debian; asks for root)
	@.ci/tools $(VENV)

real: tools build ## real clients and open servers judge; within 15 minutes on a bare machine
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH:/usr/sbin" go test -count=1 -tags real -run Real ./...

oracles: tools build ## a real Vault judges, too; it is built first, in some ten minutes, and kept
	@.ci/vault $(VENV)/bin/vault
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" go test -count=1 -tags oracles -run '^TestOracle' \
		$$(grep -rl --include='*_test.go' '^//go:build oracles' . | xargs -n 1 dirname | sort -u)

compose: tools build ## what compose/ has, started for real on a Docker daemon of the test's own (asks for root)
	@.ci/docker
	PATH="$$PATH:/usr/sbin" go test -count=1 -tags compose -timeout 20m ./compose

plugins: tools build ## our example plugins through their scenarios, in both modes
	@bin/counterpart plugin test --python $(VENV)/bin/python3 --mode both plugins/otp plugins/vault plugins/keys

published: tools build ## published plugins; PLUGINS=folder with their checkouts
	@test -n "$(PLUGINS)" || { echo 'say where the checkouts are: make published PLUGINS=folder'; exit 2; }
	@PLUGINS="$(abspath $(PLUGINS))" DUO_CLIENT_5="$(abspath $(VENV))/duo-client-5" bin/counterpart plugin test --python $(VENV)/bin/python3 --mode both plugins/published

wheels: tools ## Python packages of clients/python into dist/, with the program for each of PLATFORMS
	@.ci/wheels $(VENV)/pytest/bin/python3 dist $(PLATFORMS)

bench: tools build ## design section 10, as ratios measured side by side
	@PATH="$$PATH:/usr/sbin" go run ./internal/measure/bench -python $(VENV)/bin/python3 $(BENCH)

storm: build ## thousands of clients that misbehave, and what they cost; STORM=-short is what CI runs
	@go run ./internal/measure/storm $(STORM)

soak: build ## racing histories through three replicas while links are cut and Redis is killed; SOAK='-ops 10000' is what CI runs
	@go run ./internal/measure/soak $(SOAK)

pgo: ## rewrite the compiler's profile from the benchmarks
	@.ci/pgo

shots: ## pictures of the console's pages, light and dark, wide and narrow, into docs/img
	@mkdir -p docs/img
	CONSOLE_SHOTS=$(CURDIR)/docs/img go test -count=1 -tags real -run RealConsoleSizes ./cmd/counterpart

docs: ## rewrite what is generated
	go test ./seed -run TestReference -update
	go test ./servers -run 'TestDocs' -update
	go test ./internal/plugins/scenario -run TestReference -update
	go test ./internal/plugins/load/plan -run TestReference -update

clean: ## remove what was built
	rm -rf bin $(VENV) .cache
