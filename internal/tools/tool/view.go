package tool

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tui"
)

// View puts a tool's words around what a renderer prints; it implements
// render.Renderer.
type View struct {
	render.Renderer
	plan  *Plan
	words io.Writer // for the banner and the last word
	table bool      // for people
	lossy bool      // something was lost or left out
}

// Event implements render.Renderer.
func (v *View) Event(e events.Event) error {
	switch e := e.(type) {
	case *events.Attached:
		if v.plan.Change != nil {
			v.plan.Change(e) // for those who want to know when
		}
		if err := v.show(e); err != nil {
			return err
		}
		for _, lack := range v.plan.Lacks {
			v.lossy = true
			if err := v.Renderer.Event(&events.Message{Level: "warning", Text: lack}); err != nil {
				return err
			}
		}
		return v.say(v.plan.Banner)
	case *events.Ended:
		return v.say(v.plan.Bye)
	case *events.Loss:
		v.lossy = v.lossy || matters(e.Kind)
	case *events.Message:
		v.lossy = v.lossy || e.Level != "info"
	}
	if v.plan.Change != nil {
		e = v.plan.Change(e)
	}
	if r, ok := e.(*events.Report); ok && v.plan.Join != nil {
		return v.joined(r)
	}
	return v.show(e)
}

// Flush implements render.Renderer.
func (v *View) Flush() error {
	if v.plan.Gather == nil {
		return v.Renderer.Flush()
	}
	list, err := v.plan.Gather.Due()
	return errors.Join(v.all(list, err), v.Renderer.Flush())
}

// Close implements render.Renderer.
func (v *View) Close() error {
	if v.plan.Gather == nil {
		return v.Renderer.Close()
	}
	list, err := v.plan.Gather.Rest()
	return errors.Join(v.all(list, err), v.Renderer.Close())
}

// show renders e, or what is gathered of it.
func (v *View) show(e events.Event) error {
	if v.plan.Gather == nil {
		return v.Renderer.Event(e)
	}
	list, err := v.plan.Gather.Event(e)
	return v.all(list, err)
}

func (v *View) all(list []events.Event, err error) error {
	for _, e := range list {
		err = errors.Join(err, v.Renderer.Event(e))
	}
	return err
}

func (v *View) joined(r *events.Report) error {
	line, list := v.plan.Join(r)
	if v.table {
		if err := v.say(line); err != nil {
			return err
		}
	}
	return v.all(list, nil)
}

// matters tells whether numbers are wrong for a loss. A call that was under way
// when the trace began or ended is none.
func matters(l prog.Loss) bool {
	switch l {
	case prog.LossUnpaired, prog.LossReplaced, prog.LossEnded:
		return false
	}
	return true
}

// say prints a line behind what was rendered so far.
func (v *View) say(line string) error {
	if line == "" {
		return nil
	}
	if err := v.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(v.words, line)
	if errors.Is(err, syscall.EPIPE) {
		return &render.ClosedError{Cause: err}
	}
	return err
}

// View returns the view of the plan in the format of o; src is the script. A user who
// leaves a live screen calls leave.
func (p *Plan) View(o Options, src *diag.Source, leave func()) (*View, error) {
	if len(p.Screen) > 0 {
		s := tui.New(tui.Options{Terminal: *o.Screen, Err: o.Err, Levels: p.Screen, Keys: max(p.Keys, defaultKeys), Quit: leave})
		return &View{Renderer: s, plan: p, words: s, table: true}, nil
	}
	r, err := render.New(o.Format, render.Options{Out: o.Out, Err: o.Err, Terminal: o.Terminal, Trailer: "..",
		Source: src, Quiet: true, MaxMapKeys: max(p.Keys, defaultKeys)}, p.Layout)
	if err != nil {
		return nil, err
	}
	words := o.Out
	if o.Format != "table" || p.Aside {
		words = o.Err // the output is data
	}
	return &View{Renderer: r, plan: p, words: words, table: o.Format == "table"}, nil
}
