# The commands of this project. `make` alone lists them; README.md says which two to type first.
SHELL := /bin/bash -eu -o pipefail
.DEFAULT_GOAL := help

LISTEN    ?= 127.0.0.1:7070
STATE_DIR ?= .state
FUZZTIME  ?= 20000x
CLOUD     ?= base
BURDEN    ?= 0
COMMIT    ?= HEAD
# Packages that tests use for real: Debian's own clients, the interpreters of the runtimes, the
# database, the message broker, and what contrib/ and deploy/kolla are plugged into.
APT       := python3 python3-openstackclient python3-qinlingclient python3-pip python3-setuptools \
             mariadb-server rabbitmq-server memcached prometheus \
             python3-heat python3-mistral-lib python3-django python3-oslo.policy python3-oslo.messaging python3-jinja2
GOFLAGS   += -trimpath
export GOFLAGS
export CGO_ENABLED ?= 1
# How long a test program waits at its end for reports of races; Go's second is for each package.
export GORACE      ?= atexit_sleep_ms=50
# SQLite's own code, translated from C, is left out of what the race detector looks at: it took
# most of the time of the tests.
RACE      := -race -gcflags=modernc.org/...=-race=false
# What --version prints; outside of a repository, and without git, what Go knows.
VERSION   ?= $(shell git describe --always --dirty 2>/dev/null)
LDFLAGS   := -s -w -X github.com/openstack-faas/faas/cmd/internal/version.release=$(VERSION)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## every binary into bin/
	CGO_ENABLED=0 go build -ldflags='$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: standalone
standalone: # what faas-standalone needs: a third of all there is to compile
	CGO_ENABLED=0 go build -ldflags='$(LDFLAGS)' -o bin/ ./cmd/faas-standalone ./cmd/faas-agent

.PHONY: demo
demo: standalone ## builds, starts the service, runs a Python and a Node.js function, shows what came of it, stops
	go run ./examples/demo -service bin/faas-standalone

.PHONY: run
run: standalone ## the service in the foreground on $(LISTEN), its state in $(STATE_DIR)
	bin/faas-standalone --listen $(LISTEN) --state-dir $(STATE_DIR)

.PHONY: test
test: packages lint unit functional ## all that a change must pass, on a fresh machine too: installs what it needs

.PHONY: unit
unit: build packages ## the tests of the packages, with the race detector
	tools/gotest $(RACE) -timeout 30m $$(go list ./... | grep -v /test/)
	cd devstack/mini/netpol && go test ./...

.PHONY: functional
functional: build packages ## the service as a whole; as root also on its real parts; FULL=1: with more of each
	tools/functional

.PHONY: lint
lint: ## Go, with the arrows between packages guarded; shell, Python and JavaScript; the length of lines
	go tool -modfile=tools/go.mod golangci-lint run ./...
	go vet ./...
	go vet -C tools ./lines ./measures ./apiref
	go vet -C devstack/mini/netpol ./...
	go vet -C tools/helm ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'gofmt these:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	tools/lint

.PHONY: reference
reference: ## docs/api-ref/README.md, the page of the API, from openapi.yaml
	go run -C tools ./apiref -in $(CURDIR)/docs/api-ref/openapi.yaml > docs/api-ref/README.md.part
	mv docs/api-ref/README.md.part docs/api-ref/README.md

.PHONY: measures
measures: ## sizes, comments, long lines and commits of HEAD, for comparing states; COMMIT=REV: of another commit
	go run -C tools ./measures -commit $(COMMIT)

.PHONY: cover
cover: build ## how much of the code the unit tests run
	go test -timeout 10m -coverprofile=coverage.out -coverpkg=./internal/... ./internal/...
	go tool cover -func=coverage.out | tail -n 1

.PHONY: fuzz
fuzz: ## each fuzz test with $(FUZZTIME) new inputs; its seeds are in make unit
	tools/fuzz $(FUZZTIME)

.PHONY: bench
bench: build ## speed beside the floors; CLOUD=base: on the mini cloud; BURDEN=2: on a busy machine; SCALE=1: at scale
ifeq ($(origin CLOUD),command line)
	devstack/mini/up $(CLOUD)
	. .cloud/env && go run ./bench -cloud -burden $(BURDEN) -out bench/results
else ifneq ($(SCALE),)
	go run ./bench -scale $(SCALE) -service bin/faas-standalone -out bench/results
else
	go run ./bench -service bin/faas-standalone -burden $(BURDEN) -out bench/results
endif

.PHONY: cloud-up
cloud-up: build ## a cloud on this machine, as root (docs/admin/mini-cloud.md); CLOUD=core adds OpenStack, all more
	devstack/mini/up $(CLOUD)

.PHONY: cloud-down
cloud-down: ## ends what cloud-up started
	devstack/mini/down

.PHONY: packages
packages: # what the tests need from Debian, when it is missing
	tools/packages $(APT)

.PHONY: clean
clean: ## what make build made
	rm -rf bin coverage.out
