package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// machine says what was measured where.
func machine(b *bench) []string {
	var uts unix.Utsname
	release := "unknown"
	if unix.Uname(&uts) == nil {
		release, _, _ = strings.Cut(unix.ByteSliceToString(uts.Release[:]), "-")
	}
	peer := "none"
	if b.peer != nil {
		peer = b.peer.version()
	}
	return []string{
		"date: " + time.Now().Format(time.DateOnly),
		"kernel: Linux " + release + ", " + runtime.GOARCH,
		fmt.Sprintf("CPUs: %d of %s", runtime.NumCPU(), cpuModel()),
		"Go: " + runtime.Version(),
		"peer: " + peer,
		fmt.Sprintf("medians of %d rounds in turns", b.rounds),
		"load average at the start: " + loadAverage(),
	}
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "an unknown kind"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown kind"
}

// loadAverage is that of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

var heads = []string{"measured", "rpcxray", "bpftrace", "ratio", "limit", "met"}

func (r row) cells() []string {
	met := ""
	if r.limit != "" {
		met = map[bool]string{true: "yes", false: "no"}[r.met]
	}
	return []string{r.what, r.ours, r.peer, r.ratio, r.limit, met}
}

func printText(w io.Writer, facts []string, rows []row) {
	for _, f := range facts {
		fmt.Fprintln(w, f)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(heads, "\t"))
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r.cells(), "\t"))
	}
	t.Flush()
}

const preface = `# Benchmarks

What rpcxray costs, next to bpftrace on the same scripts in the same run. Written by

    RPCXRAY_BENCH_CHROOT=FOLDER go run ./tests/bench -write

as root, where FOLDER is a chroot with a current bpftrace (without it the one in PATH is taken). The two tools are measured
in turns and medians are compared, so that what else the machine does falls on both. A ratio is bpftrace's figure divided
by rpcxray's.
`

func writeDocument(path string, facts []string, rows []row) error {
	var b strings.Builder
	b.WriteString(preface + "\n")
	for _, f := range facts {
		fmt.Fprintf(&b, "- %s\n", f)
	}
	b.WriteString("\n")
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(heads)
	line(slices.Repeat([]string{"---"}, len(heads)))
	for _, r := range rows {
		line(r.cells())
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// compared is a row of a figure where less is better; the limit is how many times
// less it should be than the peer's.
func compared[T ~int | ~int64 | ~float64](what string, ours, peer []T, show func(T) string, times float64) row {
	r := row{what: what, ours: show(median(ours))}
	if len(peer) == 0 {
		return r
	}
	ratio := float64(median(peer)) / float64(max(median(ours), 1))
	r.peer, r.ratio = show(median(peer)), fmt.Sprintf("%.2f", ratio)
	if times > 0 {
		r.limit, r.met = fmt.Sprintf("1/%g of bpftrace's", times), ratio >= times
	}
	return r
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.0f ms", d.Seconds()*1e3) }
func megabytes(n int) string              { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
func nanoseconds(d time.Duration) string  { return fmt.Sprintf("%d ns", d.Nanoseconds()) }
