// Command bench measures rpcxray on this machine and, where it finds one, its peer
// bpftrace on the same scripts in the same run: their measurements take turns, and
// medians are compared. Run as root, with make bench.
//
// The peer is bpftrace in the chroot that RPCXRAY_BENCH_CHROOT names, else the one
// in PATH. Nothing here fails because it was slow: the table says which limits of
// docs/benchmarks.md were met.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

func main() {
	if root, ok := os.LookupEnv(enterEnv); ok {
		fmt.Fprintln(os.Stderr, "bench:", enter(root, os.Args[1:]))
		os.Exit(1)
	}
	write := flag.Bool("write", false, "rewrite docs/benchmarks.md with what is measured")
	only := flag.String("only", "", "measure what has a name that matches this regular expression")
	rounds := flag.Int("rounds", 5, "how often each tool is measured")
	flag.Parse()
	if err := run(*write, *only, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what the measurements share.
type bench struct {
	rounds int
	repo   string
	ours   tool
	peer   *tool  // nil: none was found
	load   string // the program of testdata/load
	server string // of the rpcx example
}

// row is one line of the table.
type row struct {
	what, ours, peer, ratio string
	limit                   string // "": reported only
	met                     bool
}

// measurements are all there are, in the order of the table.
var measurements = []struct {
	name string
	run  func(*bench) ([]row, error)
}{
	{"startup", (*bench).startup},
	{"scripts", (*bench).scripts},
	{"hit", (*bench).hit},
	{"wide", (*bench).wide},
	{"symbols", (*bench).symbols},
	{"events", (*bench).events},
	{"programs", (*bench).programs},
	{"calls", (*bench).calls},
	{"tcp", (*bench).tcp},
	{"idle", (*bench).idle},
}

func run(write bool, only string, rounds int) error {
	if os.Geteuid() != 0 {
		return errors.New("probes need root")
	}
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	b, clean, err := prepare(rounds)
	if err != nil {
		return err
	}
	defer clean()
	facts := machine(b)
	var rows []row
	for _, m := range measurements {
		if !wanted.MatchString(m.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s …\n", m.name)
		more, err := m.run(b)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		rows = append(rows, more...)
	}
	facts = append(facts, "load average at the end: "+loadAverage())
	printText(os.Stdout, facts, rows)
	if !write {
		return nil
	}
	return writeDocument(filepath.Join(b.repo, "docs/benchmarks.md"), facts, rows)
}

// prepare builds what is measured and what it is measured on.
func prepare(rounds int) (*bench, func(), error) {
	repo, err := fixture.Root()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "rpcxray-bench")
	if err != nil {
		return nil, nil, err
	}
	clean := func() { os.RemoveAll(dir) }
	b := &bench{rounds: rounds, repo: repo, server: filepath.Join(repo, "examples/rpcx/bin/server")}
	if err := b.build(filepath.Join(dir, "rpcxray")); err != nil {
		clean()
		return nil, nil, err
	}
	if b.peer = findPeer(repo, filepath.Dir(b.load)); b.peer == nil {
		fmt.Fprintln(os.Stderr, noPeer)
	}
	return b, clean, nil
}

func (b *bench) build(to string) error {
	var err error
	if b.load, err = fixture.Build(fixture.Spec{Dir: "tests/bench/testdata/load"}); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", to, "./cmd/rpcxray")
	build.Dir, build.Env = b.repo, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building rpcxray: %w\n%s", err, out)
	}
	if out, err := exec.Command("make", "-C", filepath.Join(b.repo, "examples/rpcx")).CombinedOutput(); err != nil {
		return fmt.Errorf("building the example: %w\n%s", err, out)
	}
	b.ours = tool{name: "rpcxray", argv: []string{to, "run", "-e"}}
	return nil
}

// tools are what is measured in turns.
func (b *bench) tools() []tool {
	if b.peer == nil {
		return []tool{b.ours}
	}
	return []tool{b.ours, *b.peer}
}
