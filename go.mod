module github.com/rpcxray/rpcxray

go 1.26.0

require (
	github.com/cilium/ebpf v0.22.0 // eBPF maps, programs, links, ring buffers and the assembler
	github.com/google/go-cmp v0.7.0 // tests: differences of structures and golden text
	github.com/ianlancetaylor/demangle v0.0.0-20260724033716-83e58baca724 // names of C++ and Rust functions
	github.com/prometheus/client_golang v1.25.0 // the endpoint that a Prometheus reads
	github.com/prometheus/client_model v0.6.3 // its histograms, classic and native in one
	github.com/rogpeppe/go-internal v1.16.0 // tests: testscript, commands as a user types them
	github.com/spf13/cobra v1.10.2 // commands, flags, help and shell completion
	github.com/spf13/pflag v1.0.10 // the flags of cobra's commands, as values of our own types
	github.com/ulikunitz/xz v0.5.17 // LZMA2: symbols that distributions pack into stripped programs
	go.opentelemetry.io/proto/otlp v1.11.1 // the messages of OTLP
	go.yaml.in/yaml/v3 v3.0.5 // tests: what deploy/ holds is well formed
	golang.org/x/arch v0.32.0 // tests: a second disassembler as oracle of the length decoder
	golang.org/x/net v0.59.0 // messages of name servers
	golang.org/x/sys v0.49.0 // system calls: perf events, mounts, pidfds
	google.golang.org/protobuf v1.36.12 // their encoding
)

require (
	github.com/BurntSushi/toml v1.6.0 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	golang.org/x/exp/typeparams v0.0.0-20260209203927-2842357ff358 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	honnef.co/go/tools v0.8.2 // indirect
)

tool honnef.co/go/tools/cmd/staticcheck
