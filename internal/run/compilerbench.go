package run

import (
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// stage is one arrow of the pipeline as it is measured; what prepare does is not.
type stage struct {
	name    string
	prepare func()
	run     func()
}

// Limits of measuring a stage.
const (
	stageTime = 100 * time.Millisecond
	stageRuns = 10_000
)

// compilerBench prints how long each stage takes to compile the script: how often it
// was run, the time of all runs in ns, their average and standard deviation.
func (s *session) compilerBench() error {
	t, err := s.target(nil)
	if err != nil {
		return err
	}
	var file *syntax.File
	var checked *check.Result
	var plan *lower.Lowered
	parse := func() {
		src := *s.opts.Source
		file = Parse(&src, s.opts.Params, diag.NewList(&src))
	}
	typed := func() {
		checked = check.Check(file, s.world, s.opts.check(s.child), diag.NewList(file.Source))
	}
	lowered := func() { plan = lower.Lower(checked.Bodies, s.planner(), archs[runtime.GOARCH]) }
	compile := func() {
		for _, u := range plan.Units {
			if _, e := codegen.Compile(checked.Program, u, t); e != nil {
				err = e
			}
		}
	}
	for _, st := range []stage{
		{"parse", func() {}, parse},
		{"check", parse, typed},
		{"lower", func() { parse(); typed() }, lowered},
		{"codegen", func() {}, compile},
	} {
		fmt.Fprintln(s.opts.Out, st.measure())
	}
	return err
}

func (st stage) measure() string {
	var n, sum, squares float64
	for start := time.Now(); time.Since(start) < stageTime && n < stageRuns || n == 0; n++ {
		st.prepare()
		begin := time.Now()
		st.run()
		took := float64(time.Since(begin))
		sum += took
		squares += took * took
	}
	mean := sum / n
	deviation := math.Sqrt(max(squares/n-mean*mean, 0))
	return fmt.Sprintf("%-30s%-8.0f%-14.0f%.0f ± %.0f ns", st.name, n, sum, mean, deviation)
}
