package agent

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/export"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/spans"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

// gatherer hands what the script reports to an exporter; it implements
// tool.Gatherer.
type gatherer struct {
	only     tool.Calls // what is asked for
	exporter *export.Exporter
	reader   spans.Reader
	attempts *spans.Attempts
	names    names
	ended    uint64 // calls that were under way when their process ended

	mu   sync.Mutex
	told []events.Event
}

func newGatherer() *gatherer {
	return &gatherer{names: names{}, attempts: spans.NewAttempts(wait, limit)}
}

// Bounds of the calls whose attempts are put below them.
const (
	wait  = time.Second // for the call's end, or its attempt
	limit = 20000       // calls
)

// tell may be called from any goroutine.
func (g *gatherer) tell(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told = append(g.told, &events.Message{Level: "warning", Text: text})
}

func (g *gatherer) banner() string {
	text := "Tracing RPC calls"
	if a := g.exporter.Addr(); a != nil {
		text += fmt.Sprintf("; metrics are at %s/metrics", a)
	}
	if name := g.exporter.Collector(); name != "" {
		text += "; sending to " + name
	}
	return text + ". Hit Ctrl-C to end."
}

// Event implements tool.Gatherer.
func (g *gatherer) Event(e events.Event) ([]events.Event, error) {
	switch e := e.(type) {
	case *events.Record:
		c, err := g.reader.Call(e)
		if c == nil {
			return []events.Event{e}, err
		}
		c.Process = g.names.of(c.Process)
		g.spans(g.attempts.Add(c, time.Now()))
		return nil, err
	case *events.Report:
		g.report(e)
		return nil, nil
	case *events.UnderWay:
		g.underWay(e)
		return nil, nil
	case *events.Loss:
		g.exporter.Lost(e.Kind.String(), e.Count)
		if e.Kind == prog.LossEnded { // processes come and go: told once, at the end
			g.ended += e.Count
			return nil, nil
		}
	}
	return []events.Event{e}, nil
}

// report adds what has come since the last one. Keys have no process ids: processes
// that come and go would fill the map.
func (g *gatherer) report(r *events.Report) {
	for _, e := range r.Entries {
		k := e.Key
		s := export.Series{Process: g.names.of(spans.Text(k[0].Str)), Framework: spans.Text(k[1].Str), Side: spans.Side(k[2].Str),
			Service: spans.Text(k[3].Str), Method: spans.Text(k[4].Str), Status: spans.Text(k[5].Str)}
		if r.Map.Name == "@sum" {
			g.exporter.Time(s, e.Value.Int)
		} else {
			g.exporter.Calls(s, int(k[6].Int), e.Value.Int)
		}
	}
}

// underWay says which calls have not ended yet.
func (g *gatherer) underWay(e *events.UnderWay) {
	calls := map[export.Series]uint64{}
	for _, b := range e.Calls {
		if g.only.Service != "" && b.Service != g.only.Service || g.only.Method != "" && b.Method != g.only.Method {
			continue
		}
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", b.PID))
		if err != nil {
			continue // it has ended
		}
		s := export.Series{Process: g.names.of(spans.Text(bytes.TrimSpace(comm))), Framework: b.Framework, Side: spans.Side(b.Side),
			Service: spans.Text([]byte(b.Service)), Method: spans.Text([]byte(b.Method)), Status: "ok"}
		calls[s] += uint64(b.Count)
	}
	g.exporter.UnderWay(calls)
}

func (g *gatherer) spans(list []*spans.Call) {
	for _, c := range list {
		g.exporter.Span(c)
	}
}

// Due implements tool.Gatherer.
func (g *gatherer) Due() ([]events.Event, error) {
	g.spans(g.attempts.Due(time.Now()))
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.told
	g.told = nil
	return list, nil
}

// Rest implements tool.Gatherer.
func (g *gatherer) Rest() ([]events.Event, error) {
	g.spans(g.attempts.Rest())
	if err := g.exporter.Close(); err != nil {
		g.tell(err.Error())
	}
	list, err := g.Due()
	if g.ended > 0 {
		list = append(list, &events.Loss{Kind: prog.LossEnded, Count: g.ended})
	}
	return list, err
}

// names are those of processes' executables, by what the kernel calls the processes:
// it cuts names.
type names map[string]string

// cut is the length from which on a name may have been cut: TASK_COMM_LEN of
// linux/sched.h without the final zero.
const cut = 15

// maxNames bounds the names that are kept.
const maxNames = 1024

// of is the whole name, the kernel's where no process tells, or several with
// different names do.
func (n names) of(comm string) string {
	if len(comm) < cut {
		return comm
	}
	if name, ok := n[comm]; ok {
		return name
	}
	if len(n) >= maxNames {
		clear(n)
	}
	name := ""
	exes, _ := filepath.Glob("/proc/[0-9]*/exe") // the pattern is well formed
	for _, exe := range exes {
		path, err := os.Readlink(exe)
		base := filepath.Base(strings.TrimSuffix(path, " (deleted)"))
		switch {
		case err != nil || !strings.HasPrefix(base, comm) || base == name:
		case name == "":
			name = base
		default:
			name = comm
		}
	}
	n[comm] = spans.Text([]byte(cmp.Or(name, comm)))
	return n[comm]
}
