package tool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/run"
	"github.com/rpcxray/rpcxray/internal/tui"
)

// Options are what all tools have in common.
type Options struct {
	PID         int    // only this process; 0: all
	Format      string // table, json, jsonl, csv
	Strict      bool   // exit status 1 when something was lost
	Stats       bool
	Script      bool // print the script instead of running it
	MaxOverhead float64
	Env         map[string]string
	Version     string        // of rpcxray
	Facts       *kernel.Facts // what is known of the kernel; nil: nothing yet

	Out      io.Writer
	Err      io.Writer
	Terminal bool          // Out is one
	Screen   *tui.Terminal // Out, if it can show live screens and a table is wanted; else nil
	Color    bool          // Err is a terminal
}

// Kernel is what is known of the kernel.
func (o *Options) Kernel() *kernel.Facts {
	if o.Facts == nil {
		o.Facts = kernel.Detect()
	}
	return o.Facts
}

// ErrLossy is the end of a strict run that lost something or left it out; what
// it was has been told by then.
var ErrLossy = errors.New("the numbers are not complete, and --strict is set")

// Run runs a tool and returns its exit status.
func Run(ctx context.Context, t *Tool, c Command, args []string, o Options) (status int, err error) {
	if err := checkPID(o.PID); err != nil {
		return 1, err
	}
	o.Facts = o.Kernel()
	plan, err := c.Plan(o, args)
	if err != nil {
		return 1, err
	}
	o.Format = cmp.Or(plan.Format, o.Format)
	if plan.OwnPID {
		o.PID = 0
	}
	if o.Script {
		_, err := io.WriteString(o.Out, plan.Script(t.Name, o.PID).Text)
		return 0, err
	}
	src := plan.Script(t.Name, 0)
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	v, err := plan.View(o, src, leave)
	if err != nil {
		return 1, err
	}
	status, err = run.Run(ctx, run.Options{
		Source: src, PID: o.PID, Env: o.Env, MaxOverhead: o.MaxOverhead, Stats: o.Stats,
		Lean: plan.Lean, UnderWay: plan.UnderWay, Verbose: plan.Verbose, Debug: plan.Debug, Facts: o.Facts, Sink: v, Out: o.Out, Stderr: o.Err, Color: o.Color,
	})
	if err = errors.Join(err, v.Close()); err == nil && o.Strict && v.lossy {
		return 1, ErrLossy
	}
	return status, err
}

func checkPID(pid int) error {
	if pid < 0 {
		return fmt.Errorf("process %d: a process id is above 0", pid)
	}
	if pid == 0 {
		return nil
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
		return fmt.Errorf("process %d: there is none", pid)
	}
	return nil
}
