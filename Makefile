# What is done with this repository, from its root. "make help" lists it.

SHELL     := /bin/bash
DURATION  ?= 20
FUZZTIME  ?= 10s
BENCHTIME ?= 1s
# In bytes. Of it 6 MB are the agent's: net/http with TLS, OTLP's messages, Prometheus'
# client.
MAXSIZE   := 19000000

# An older Go fetches the version that go.mod asks for, also where a distribution
# turned that off.
export GOTOOLCHAIN ?= auto

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

.PHONY: help build examples demo test lint bench fuzz confirm test-kernels clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile

build: ## build bin/rpcxray, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/rpcxray ./cmd/rpcxray
	@size=$$(stat -c %s bin/rpcxray); if [ $$size -gt $(MAXSIZE) ]; then \
		echo "bin/rpcxray has $$size bytes, at most $(MAXSIZE)"; exit 1; fi

examples: ## build the rpcx server and client of the walkthrough
	$(MAKE) -C examples/rpcx

demo: build examples ## look into a running rpcx service for DURATION=20 seconds (as root)
	bin/rpcxray demo --duration $(DURATION)s --bin examples/rpcx/bin

test: lint ## run every test (as root, else what needs root is skipped)
	go test -timeout 20m ./...
	cd examples/rpcx && go vet ./...

lint: ## check formatting, go vet, staticcheck and the rules in tests/
	@files=$$(find . -name '*.go' -not -path '*/testdata/*' | xargs "$$(go env GOROOT)/bin/gofmt" -l); \
		if [ -n "$$files" ]; then echo "gofmt these files:"; echo "$$files"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	go test ./tests

bench: ## run the Go benchmarks, then measure against the peers (as root)
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) ./internal/...
	go run ./tests/bench

fuzz: ## run each fuzz target for FUZZTIME=10s
	@grep -rl --include='*_test.go' '^func Fuzz' cmd internal | while read -r file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file" | while read -r target; do \
			echo "$$(dirname "$$file") $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null || exit 1; \
		done || exit 1; \
	done

confirm: ## run the language's cases in bpftrace, in the system below CHROOT= (as root)
	RPCXRAY_CONFIRM_CHROOT=$(CHROOT) go test -count 1 -run TestConfirm ./tests/language

test-kernels: ## run tests on other kernels in QEMU; KERNELFLAGS='-suite smoke -run Count' for some
	go run ./tests/kernels $(KERNELFLAGS)

clean: ## remove what was built here
	rm -rf bin
	$(MAKE) -C examples/rpcx clean
