// Package tui is the live screen of tools that report periodically: the rows of the
// last report as a table that can be sorted, filtered, scrolled and paused, and, where
// there are levels of tables, opened row by row.
package tui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
)

// Terminal is where a screen is shown; keys come from standard input.
type Terminal struct {
	*os.File
	Color bool // titles stand out
}

// Options say what a screen shows.
type Options struct {
	Terminal Terminal
	Err      io.Writer // gets what was told meanwhile, when the screen is gone

	Levels []Level
	Keys   int    // that maps may get, for what is told of a full one
	Quit   func() // called when the user has left, from another goroutine
}

// looks is how often in a second the screen looks whether it has changed. Each costs;
// more would not be seen.
const looks = 10

// Screen is a renderer that shows the reports of maps on a terminal; it implements
// render.Renderer. What is written to it stands above the table until more is
// written.
type Screen struct {
	render.Renderer // for all but the maps: it tells losses and messages
	o               Options
	program         *tea.Program
	told            bytes.Buffer // messages
	shown           int          // bytes of told that were shown
	done            chan error   // nil until the screen is up
}

// New returns a screen. It comes up when the probes are attached.
func New(o Options) *Screen {
	s := &Screen{o: o}
	s.Renderer = render.NewTable(render.Options{Out: io.Discard, Err: &s.told, Quiet: true, MaxMapKeys: o.Keys}, render.Layout{})
	s.program = tea.NewProgram(newModel(o.Levels, o.Terminal.Color), tea.WithInput(os.Stdin), tea.WithOutput(o.Terminal.File),
		tea.WithoutSignalHandler(), tea.WithFPS(looks))
	return s
}

// Event implements render.Renderer.
func (s *Screen) Event(e events.Event) error {
	if _, ok := e.(*events.Attached); ok && s.done == nil {
		s.done = make(chan error, 1)
		go func() {
			_, err := s.program.Run()
			s.o.Quit()
			s.done <- err
		}()
		return nil
	}
	if s.done == nil {
		return s.Renderer.Event(e)
	}
	if r, ok := e.(*events.Report); ok {
		for i, l := range s.o.Levels {
			if r.Map.Name == l.Map {
				s.program.Send(rowsMsg{i, rows(l.Columns, r)})
			}
		}
		return nil
	}
	if err := s.Renderer.Event(e); err != nil {
		return err
	}
	if lines := bytes.Split(bytes.TrimSpace(s.told.Bytes()[s.shown:]), []byte("\n")); len(lines[0]) > 0 {
		s.shown = s.told.Len()
		s.program.Send(noticeMsg(lines[len(lines)-1]))
	}
	return nil
}

// Write makes text the heading.
func (s *Screen) Write(text []byte) (int, error) {
	if s.done == nil {
		return s.o.Terminal.Write(text)
	}
	s.program.Send(headingMsg(bytes.TrimSpace(text)))
	return len(text), nil
}

// Close gives the terminal back, and tells there what was told meanwhile.
func (s *Screen) Close() error {
	var err error
	if s.done != nil {
		s.program.Quit()
		if err = <-s.done; err != nil {
			err = fmt.Errorf("screen: %w", err)
		}
	}
	_, tellErr := s.o.Err.Write(s.told.Bytes())
	return errors.Join(err, tellErr)
}
