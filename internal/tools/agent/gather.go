package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/export"
	"github.com/rpcxray/rpcxray/internal/spans"
)

// gatherer hands what the script reports to an exporter; it implements
// tool.Gatherer.
type gatherer struct {
	exporter  *export.Exporter
	collector string
	reader    spans.Reader
	processes processes

	mu   sync.Mutex
	told []events.Event
}

func newGatherer() *gatherer { return &gatherer{processes: processes{}} }

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
	if g.collector != "" {
		text += "; sending to " + g.collector
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
		c.Process = g.processes.name(c.PID, c.Process)
		g.exporter.Span(c)
		return nil, err
	case *events.Report:
		g.report(e)
		return nil, nil
	case *events.Loss:
		g.exporter.Lost(e.Kind.String(), e.Count)
	}
	return []events.Event{e}, nil
}

// report adds what has come since the last one.
func (g *gatherer) report(r *events.Report) {
	for _, e := range r.Entries {
		k := e.Key
		s := export.Series{Process: g.processes.name(int(k[0].Int), spans.Text(k[1].Str)), Framework: spans.Text(k[2].Str), Side: spans.Side(k[3].Str),
			Service: spans.Text(k[4].Str), Method: spans.Text(k[5].Str), Status: spans.Text(k[6].Str)}
		if r.Map.Name == "@sum" {
			g.exporter.Time(s, e.Value.Int)
		} else {
			g.exporter.Calls(s, int(k[7].Int), e.Value.Int)
		}
	}
}

// Due implements tool.Gatherer.
func (g *gatherer) Due() ([]events.Event, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.told
	g.told = nil
	return list, nil
}

// Rest implements tool.Gatherer.
func (g *gatherer) Rest() ([]events.Event, error) {
	if err := g.exporter.Close(); err != nil {
		g.tell(err.Error())
	}
	return g.Due()
}

// processes are the names of processes: those of their executables, for the kernel's
// are cut.
type processes map[int]named

// named is a name with the kernel's, by which a process is known again.
type named struct{ comm, name string }

// maxProcesses bounds the names that are kept.
const maxProcesses = 4096

func (p processes) name(pid int, comm string) string {
	if n, ok := p[pid]; ok && n.comm == comm {
		return n.name
	}
	if len(p) >= maxProcesses {
		clear(p)
	}
	name := comm
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil {
		name = spans.Text([]byte(filepath.Base(strings.TrimSuffix(exe, " (deleted)"))))
	}
	p[pid] = named{comm, name}
	return name
}
