package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

const (
	symbolBytes  = 150_000_000 // the limit of memory
	packages     = 50
	perPackage   = 2200
	largeVersion = 1 // of the program below
)

// symbols lists the functions of a large Go binary with their source lines.
func (b *bench) symbols() ([]row, error) {
	large, err := largeBinary()
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(large)
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	var peak []int
	functions := 0
	for range b.rounds {
		cmd := exec.Command(b.ours.argv[0], "symbols", large)
		out := watcher{attached: func() {}}
		cmd.Stdout = &out
		start := time.Now()
		if err := cmd.Run(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
		peak = append(peak, int(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)<<10)
		functions, _ = out.count()
	}
	what := fmt.Sprintf("listing %d functions of a Go binary of %s", functions, megabytes(int(st.Size())))
	return []row{
		{what: what, ours: milliseconds(median(took)), limit: "1 s", met: median(took) <= withinASecond},
		{what: "peak memory of that", ours: megabytes(median(peak)), limit: megabytes(symbolBytes), met: median(peak) <= symbolBytes},
	}, nil
}

// largeBinary generates and builds a program of many functions, once for each
// release of Go.
func largeBinary() (string, error) {
	cache, err := fixture.CacheDir()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(cache, fmt.Sprintf("large-%d-%s", largeVersion, runtime.Version()))
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	dir, err := os.MkdirTemp("", "rpcxray-large")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintln(os.Stderr, "building a large program, which takes minutes the first time …")
	if err := writeLarge(dir); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", bin+".new", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOCACHE="+filepath.Join(dir, "cache"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building a large program: %w\n%s", err, out)
	}
	return bin, os.Rename(bin+".new", bin)
}

func writeLarge(dir string) error {
	var imports, calls bytes.Buffer
	for i := range packages {
		name := fmt.Sprintf("part%02d", i)
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name, "part.go"), largePackage(name), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&imports, "\t%q\n", "large/"+name)
		fmt.Fprintf(&calls, "\tprintln(%s.Table[len(os.Args)](os.Args))\n", name)
	}
	text := fmt.Sprintf("package main\n\nimport (\n\t\"os\"\n%s)\n\nfunc main() {\n%s}\n", imports.String(), calls.String())
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o644); err != nil {
		return err
	}
	lang := strings.Join(strings.SplitN(strings.TrimPrefix(runtime.Version(), "go"), ".", 3)[:2], ".")
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module large\n\ngo "+lang+"\n"), 0o644)
}

// largePackage is a package of functions that the linker has to keep.
func largePackage(name string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "package %s\n\nimport \"strings\"\n\n", name)
	var table bytes.Buffer
	for i := range perPackage {
		fmt.Fprintf(&b, `func handleRequestNumber%[1]d(words []string) (n int) {
	for i, w := range words {
		if strings.HasPrefix(w, "prefix%[1]d") {
			n += len(strings.Split(w, "/")) + i*%[1]d
		}
		switch len(w) %% 7 {
		case 0:
			n ^= strings.Index(w, "key%[1]d")
		case 1:
			n -= int(w[0]) * %[1]d
		case 2:
			n += strings.Count(w, "x")
		}
	}
	return n
}

`, i)
		fmt.Fprintf(&table, "\thandleRequestNumber%d,\n", i)
	}
	fmt.Fprintf(&b, "var Table = []func([]string) int{\n%s}\n", table.String())
	return b.Bytes()
}
