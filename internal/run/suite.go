package run

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/attach"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/render"
)

// The modes besides tracing: the script's tests or benchmarks run and nothing else,
// or it is told how long compiling it takes.
const (
	ModeTest          = "test"
	ModeBench         = "bench"
	ModeCompilerBench = "compiler-bench"
)

// suites are the kinds of probes that only run in a mode of their own.
var suites = map[prog.ProbeKind]string{prog.KindTest: ModeTest, prog.KindBench: ModeBench}

// forMode leaves the bodies that the mode is for: tests or benchmarks and the end
// probes, or all others.
func (o Options) forMode(bodies []*prog.Body) ([]*prog.Body, error) {
	inSuite := o.Mode == ModeTest || o.Mode == ModeBench
	left, cases := "", false
	kept := slices.DeleteFunc(slices.Clone(bodies), func(b *prog.Body) bool {
		k := b.Group.Point.Kind
		mode := suites[k]
		if mode != "" && mode != o.Mode {
			left = mode
		}
		cases = cases || mode != "" && mode == o.Mode
		return mode != o.Mode && (mode != "" || k != prog.KindEnd && inSuite)
	})
	what := map[string]string{ModeTest: "test", ModeBench: "benchmark"}
	switch {
	case inSuite && !cases:
		return nil, fmt.Errorf("the script has no %s probes: --%s runs nothing else", what[o.Mode], o.Mode)
	case len(kept) == 0 && left != "":
		return nil, fmt.Errorf("no probes attached: use --%s to run %s probes", left, what[left])
	}
	return kept, nil
}

// suite runs the tests or benchmarks, then the end probes. The status is 1 where a
// test has failed.
func (s *session) suite() (status int, err error) {
	var units []*attach.Unit
	for _, u := range s.kernel.Units() {
		if suites[u.Plan.Kind] == s.opts.Mode {
			units = append(units, u)
		}
	}
	if err := s.opts.Sink.Event(&events.Suite{Bench: s.opts.Mode == ModeBench, Count: len(units)}); err != nil {
		return 1, err
	}
	if s.opts.Mode == ModeBench {
		err = s.benchmarks(units)
	} else {
		status, err = s.tests(units)
	}
	if err != nil {
		return 1, err
	}
	s.stopped, s.ending, s.prog.Config.PrintMapsOnExit = false, true, false
	return status, s.finish()
}

func (s *session) tests(units []*attach.Unit) (status int, err error) {
	end := &events.SuiteEnded{}
	for _, u := range units {
		if err := s.opts.Sink.Event(&events.Case{Name: u.Plan.Point.Func}); err != nil {
			return 1, err
		}
		out, err := s.test(u)
		if err != nil {
			return 1, err
		}
		if out.Passed {
			end.Passed++
		} else {
			end.Failed = append(end.Failed, out.Name)
			status = 1
		}
		if err := s.opts.Sink.Event(out); err != nil {
			return 1, err
		}
	}
	return status, s.opts.Sink.Event(end)
}

// test runs one test and keeps what it prints. It fails by an error, by another
// status than zero, and by returning something else.
func (s *session) test(u *attach.Unit) (*events.Outcome, error) {
	var printed bytes.Buffer
	sink := s.opts.Sink
	defer func() { s.opts.Sink = sink }()
	s.opts.Sink = render.NewText(render.Options{Out: &printed, Err: &printed, Source: s.opts.Source, Trailer: s.prog.Config.StrTruncTrailer})
	s.stopped, s.status = false, 0
	out := &events.Outcome{Name: u.Plan.Point.Func, Passed: true}
	start := time.Now()
	if err := u.Run(); err != nil {
		return nil, err
	}
	out.Took = time.Since(start)
	err := s.reader.Drain(func(raw []byte) error {
		rec, err := s.decoder.Decode(raw, time.Now())
		if err != nil {
			return err
		}
		switch rec.Action.Kind {
		case prog.ActFail:
			out.Passed = false
			return nil
		case prog.ActErrorf:
			out.Passed = false
		}
		return errors.Join(s.act(rec), s.opts.Sink.Flush())
	})
	out.Passed = out.Passed && s.status == 0
	out.Output = printed.String()
	return out, err
}

// benchTime is how long a benchmark runs, benchBatch how many runs its events may
// wait.
const (
	benchTime  = 100 * time.Millisecond
	benchBatch = 64
)

// benchmarks runs each benchmark over and over. The kernel takes the time, as it does
// of any program when it is asked to.
func (s *session) benchmarks(units []*attach.Unit) error {
	stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		return fmt.Errorf("measuring programs: %w", err)
	}
	defer stats.Close()
	drop := func([]byte) error { return nil }
	for _, u := range units {
		for start := time.Now(); time.Since(start) < benchTime; {
			for range benchBatch {
				if err := u.Run(); err != nil {
					return err
				}
			}
			if err := s.reader.Drain(drop); err != nil {
				return err
			}
		}
		runs, total, err := u.Stats()
		if err != nil {
			return err
		}
		m := &events.Measure{Name: u.Plan.Point.Func, Average: total.Nanoseconds() / int64(max(runs, 1)), Runs: int(runs)}
		if err := s.opts.Sink.Event(m); err != nil {
			return err
		}
	}
	return nil
}
