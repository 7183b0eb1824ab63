# "make" prints what can be made; "make check" is what CI runs (through .ci/run).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO       ?= go
FUZZTIME ?= 20s
TORTURE_KILLS ?= 1000

# The race detector needs a C compiler; without one Go reports CGO_ENABLED=0.
# SQLite's own code, C that was translated to Go, is left out of it: it locks by itself, and
# watching every one of its loads takes longer than all our tests.
RACE    = $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race -gcflags='modernc.org/sqlite/lib=-race=false')

# Every module below this one, such as the one in which a vendor's client judges a simulator.
MODULES = $(patsubst %/go.mod,%,$(shell find * -mindepth 1 -name go.mod -not -path '*/node_modules/*'))

# The tools of .ci/tools, built once and kept until their versions change.
LINT    = bin/golangci-lint
VULN    = bin/govulncheck
STAT    = bin/benchstat

.PHONY: help
help: ## print this
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## run everything in one process, with nothing to set up; prints a URL
	$(GO) run ./cmd/approvebot demo

.PHONY: build
build: ## build the program: one static file, bin/approvebot
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -tags timetzdata -ldflags '-s -w' -o bin/approvebot ./cmd/approvebot

.PHONY: test
test: build vet ## build, vet, and run all tests, with the race detector where there is a C compiler
	$(if $(RACE),,@echo 'No C compiler here: the tests run without the race detector.')
	$(GO) test $(RACE) -p 1 -parallel 4 ./...

.PHONY: check
check: fmt leaks test modules lint vuln ## everything that CI checks

.PHONY: fmt
fmt:
	@files=$$(git ls-files --cached --others --exclude-standard '*.go' | xargs gofmt -l) && \
	if [ -n "$$files" ]; then echo "not formatted (gofmt -w):"; echo "$$files"; exit 1; fi

.PHONY: vet
vet:
	$(GO) vet ./...

.PHONY: leaks
leaks:
	.ci/leaks

.PHONY: modules
modules:
	@for module in $(MODULES); do echo "go test in $$module" && (cd $$module && $(GO) vet ./... && $(GO) test ./...) || exit 1; done

.PHONY: lint
lint: $(LINT) ## run the linters of .golangci.yaml
	$(LINT) run

.PHONY: vuln
vuln: $(VULN) ## look for known vulnerabilities (asks the Go vulnerability database)
	.ci/vuln $(VULN)

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (20s)
	@$(GO) list -f '{{$$p := .}}{{range .TestGoFiles}}{{$$p.Dir}}/{{.}} {{end}}{{range .XTestGoFiles}}{{$$p.Dir}}/{{.}} {{end}}' ./... \
	| xargs grep -Ho '^func Fuzz[A-Za-z0-9_]*' | sed 's/:func / /' | while read -r file name; do \
		echo "$$name" && $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" || exit 1; done

.PHONY: torture
torture: ## kill the program TORTURE_KILLS times (1000) on each engine and balance the books
	TORTURE_KILLS=$(TORTURE_KILLS) $(GO) test -count 1 -v -timeout 3h ./internal/torture

.PHONY: bench
bench: ## measure the program next to the least that any handler must do; BENCH=-short measures less
	$(GO) run ./internal/bench $(BENCH)

.PHONY: benchcmp
benchcmp: $(STAT) ## compare the Go benchmarks with the last release, or with REF
	.ci/benchcmp $(STAT) $(REF)

.PHONY: golden
golden: ## write the golden cards anew, to be read in the diff
	$(GO) test ./blocks -update
	@git status --short -- blocks

.PHONY: docs
docs: ## write the configuration's reference and JSON Schema anew, from internal/config/reference.go
	$(GO) test ./internal/config -run 'Fresh' -update
	@git status --short -- docs deploy

$(LINT): .ci/tools/go.mod .ci/tools/go.sum
	cd .ci/tools && $(GO) build -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(VULN): .ci/tools/go.mod .ci/tools/go.sum
	cd .ci/tools && $(GO) build -o $(CURDIR)/$@ golang.org/x/vuln/cmd/govulncheck

$(STAT): .ci/tools/go.mod .ci/tools/go.sum
	cd .ci/tools && $(GO) build -o $(CURDIR)/$@ golang.org/x/perf/cmd/benchstat
