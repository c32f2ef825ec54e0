# Everything one does with this repository. `make` alone lists it.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-builtin-rules

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Options for the server that `make run` starts, such as ARGS="--listen 127.0.0.1:4000", for `make cluster`, or for `make bench`, such as
# ARGS="-runs 5".
ARGS     ?=
# How long `make soak` fuzzes each target.
FUZZTIME ?= 5m
# What `make microbench` runs.
BENCH    ?= .

GO_FILES    = $(shell find . \( -name node_modules -o -name .cache -o -name .git \) -prune -o -name '*.go' -print)
WEB_SOURCES = $(shell find web \( -name node_modules -o -path web/client/dist \) -prune -o -type f -print)
# Folders with tests and peers that are driven by npm packages.
NODE_TESTS  = $(patsubst %/package-lock.json,%,$(shell find test bench -name node_modules -prune -o -name package-lock.json -print))

# Modules of their own, for what needs much that the server does not.
MODULES := release/packages test/compose

LINT_VERSION := 2.15.0
LINT         := .cache/bin/golangci-lint-$(LINT_VERSION)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### Build and run

.PHONY: run
run: build ## Build what is needed and start a server for development, with demo sign-in, on this machine only
	exec bin/sockeye serve --dev $(ARGS)

.PHONY: cluster
cluster: build ## Build what is needed and start three nodes, PostgreSQL, Redis and a balancer, with demo sign-in, on this machine only
	exec bin/sockeye cluster $(ARGS)

.PHONY: build
build: web ## Build bin/sockeye, one static file with the web app inside
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/sockeye ./cmd/sockeye

# What is made is the same for everybody who makes it of the same commit with the same version of Go.
.PHONY: release
release: web ## Make everything that a release consists of, for all platforms, in dist
	go run ./release -version "$(VERSION)" -out dist $(ARGS)

# What builds it: docker, podman or buildah, the first that there is. ARCH is amd64 or arm64, MEDIA=.media has ffmpeg beside it.
ENGINE ?= $(shell command -v docker || command -v podman || command -v buildah)
ARCH   ?= $(shell go env GOARCH)
IMAGE  ?= sockeye
.PHONY: image
image: web ## Build the image sockeye (IMAGE=name, ARCH=arm64, MEDIA=.media with ffmpeg)
	@test -n "$(ENGINE)" || { echo "This needs docker, podman or buildah." >&2; exit 1; }
	go run ./release -binaries -version "$(VERSION)" -platforms linux/$(ARCH) -out .cache/image
	@mkdir -p -m 700 .cache/image/volume/data
	$(ENGINE) build $(if $(findstring docker,$(ENGINE)),,--format docker) --platform linux/$(ARCH) --file deploy/image/Containerfile$(MEDIA) --tag $(IMAGE) .cache/image

.PHONY: web
web: internal/web/dist/index.html ## Build the web app and the client library, if their sources changed

internal/web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	npm --prefix web run build
	@touch $@

# npm writes this file last, so it says that the packages are there.
%/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --no-audit --no-fund
	@touch $@

##### Test

# A program with the race detector would sleep for a second before it ends, also where nothing runs any more. The
# packages that take longest begin first, and more packages and tests at a time than there are cores, as they wait a lot.
.PHONY: test
test: export GORACE = atexit_sleep_ms=0
test: build test-tools ## Install what the tests need and run all of them, with the race detector
	@mkdir -p .cache
	go test -vet=off $(shell cat test/program/race.flags) -p 4 -parallel 4 -timeout 20m ./test/... ./bench/... ./... | tee .cache/test.txt
	@for module in $(MODULES); do go -C $$module test ./...; done
	@echo "The slowest packages:"; sort -k3 -rn .cache/test.txt | awk '$$1 == "ok" { print "  " $$3, $$2 }' | sed 5q

.PHONY: test-tools
test-tools: $(NODE_TESTS:%=%/node_modules/.package-lock.json)
	@test/install-tools

.PHONY: check
check: lint ## Check format, vet, lint and types, and run the quick tests
	go test -short -timeout 10m ./...

.PHONY: lint
lint: $(LINT) web/node_modules/.package-lock.json ## Check format, vet, lint and types
	@unformatted=$$(gofmt -l $(GO_FILES)); \
	if [ -n "$$unformatted" ]; then echo "Not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	@for module in $(MODULES); do go -C $$module vet ./...; done
	$(LINT) run ./...
	npm --prefix web run check

# Takes a linter of the same version from PATH or Go's folder when there is one: building it takes minutes.
$(LINT):
	@mkdir -p $(@D); \
	for found in "$$(command -v golangci-lint || true)" "$$(go env GOPATH)/bin/golangci-lint"; do \
		if [ -x "$$found" ] && "$$found" version 2>/dev/null | grep -q 'version v\?$(subst .,\.,$(LINT_VERSION)) '; then \
			ln -sf "$$found" $@; exit 0; \
		fi; \
	done; \
	echo "Building golangci-lint v$(LINT_VERSION), once."; \
	GOBIN=$(CURDIR)/$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINT_VERSION); \
	mv $(@D)/golangci-lint $@

.PHONY: bench
bench: bench/peers/node_modules/.package-lock.json ## Measure the library beside its peers, the whole server, the stores, jobs, pushes, many nodes, growth, hostile clients, in some 25 minutes, into bench/RESULTS.md
	go run ./bench $(ARGS)

.PHONY: web-figures
web-figures: build test-tools ## Measure what the web app costs, and hold it to its limits, in a minute
	@SOCKEYE_BINARY=$(CURDIR)/bin/sockeye npm --prefix test/e2e run --silent figures

.PHONY: pgo
pgo: ## Profile the whole server under load of all kinds, for the compiler (cmd/sockeye/default.pgo)
	go run ./bench/whole -rounds 1 -each 10s -profile cmd/sockeye/default.pgo 'profiled='

# Compiling what reads it takes a minute or two, once, so that make test has a short form of it in deploy.
.PHONY: chart
chart: ## Test the chart for Kubernetes, and write deploy/kubernetes anew
	go -C test/kubernetes test ./... -update

.PHONY: microbench
microbench: ## Run the benchmarks of single functions (BENCH=pattern)
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

# Long runs are tests named TestSoak…; they skip unless SOCKEYE_SOAK is set.
.PHONY: soak
soak: build test-tools ## Run everything that takes long: fuzzing (FUZZTIME=5m each), kill -9 runs, memory of idle connections
	@for package in $$(go list ./...); do \
		targets=$$(go test -list '^Fuzz' $$package | { grep '^Fuzz' || true; }); \
		for target in $$targets; do \
			echo "== $$package $$target, $(FUZZTIME)"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done
	SOCKEYE_SOAK=1 go test -count 1 -run '^TestSoak' -timeout 0 -v ./...
	@for module in $(MODULES); do SOCKEYE_SOAK=1 go -C $$module test -count 1 -run '^TestSoak' -v ./...; done
	go -C test/kubernetes test -count 1 -v ./...

##### Keep tidy

.PHONY: fmt
fmt: ## Format the Go code
	gofmt -w $(GO_FILES)

.PHONY: clean
clean: ## Remove what was built and installed here; data stays
	rm -rf bin dist .cache web/node_modules web/client/dist $(NODE_TESTS:%=%/node_modules)
	find internal/web/dist -mindepth 1 ! -name .gitkeep -delete
