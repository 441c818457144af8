package tool

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/run"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// matchEvents finds tracepoints.
func matchEvents(t target, q Query) (*Matched, error) {
	tfs, err := kernel.OpenTracefs()
	if err != nil {
		return nil, err
	}
	defer tfs.Close()
	m := &Matched{kind: "tracepoint"}
	if !q.Regexp {
		names, err := tfs.Tracepoints(t.binary, t.pattern)
		if err != nil {
			return nil, err
		}
		m.Count = len(names)
		m.Points = []*syntax.AttachPoint{event(t.binary, t.pattern, false)}
	} else if err := m.eventsByRegexp(tfs, t); err != nil {
		return nil, err
	}
	if m.Count == 0 {
		return nil, fmt.Errorf("no tracepoint matches %q", q.Pattern)
	}
	return m, nil
}

func (m *Matched) eventsByRegexp(tfs *kernel.Tracefs, t target) error {
	re, err := regexp.Compile(t.binary + ":" + t.pattern)
	if err != nil {
		return fmt.Errorf("pattern %q: %w", t.pattern, err)
	}
	names, err := tfs.Tracepoints("*", "*")
	if err != nil {
		return err
	}
	for _, name := range names {
		if re.MatchString(name) {
			category, ev, _ := strings.Cut(name, ":")
			m.Points = append(m.Points, event(category, ev, true))
		}
	}
	m.Count = len(m.Points)
	return nil
}

func event(category, name string, quoted bool) *syntax.AttachPoint {
	return &syntax.AttachPoint{Provider: "tracepoint", Kind: "tracepoint",
		Target: syntax.Part{Text: category, Quoted: quoted}, Func: syntax.Part{Text: name, Quoted: quoted}}
}

// matchStatic finds the static probes of a binary.
func matchStatic(t target, q Query) (*Matched, error) {
	match, err := t.matcher(q)
	if err != nil {
		return nil, err
	}
	f, err := run.OpenTarget(t.binary, q.PID)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	probes, err := f.USDTs()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.binary, err)
	}
	m := &Matched{kind: "usdt"}
	known := map[string]bool{} // a probe may be in several places
	for _, u := range probes {
		name := u.Provider + ":" + u.Name
		if known[name] || !match(u.Name) {
			continue
		}
		known[name] = true
		m.Points = append(m.Points, &syntax.AttachPoint{Provider: m.kind, Kind: m.kind,
			Target:    syntax.Part{Text: t.binary, Quoted: true},
			Namespace: syntax.Part{Text: u.Provider, Quoted: true},
			Func:      syntax.Part{Text: u.Name, Quoted: true}})
	}
	if m.Count = len(m.Points); m.Count == 0 {
		return nil, fmt.Errorf("no static probe matches %q; %s has %d", q.Pattern, cmp.Or(t.binary, fmt.Sprintf("process %d", q.PID)), len(probes))
	}
	return m, nil
}

// matcher is what a query's pattern means.
func (t target) matcher(q Query) (gobin.Matcher, error) {
	if q.Regexp {
		return gobin.Regexp(t.pattern)
	}
	return gobin.BCC(t.pattern), nil
}
