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
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
)

// Options say what a screen shows.
type Options struct {
	Terminal Terminal
	Err      io.Writer // gets what was told meanwhile, when the screen is gone

	Levels []Level
	Keys   int    // that maps may get, for what is told of a full one
	Quit   func() // called when the user has left, from another goroutine
}

// Screen is a renderer that shows the reports of maps on a terminal; it implements
// render.Renderer. What is written to it stands above the table until more is
// written.
type Screen struct {
	render.Renderer // for all but the maps: it tells losses and messages
	o               Options
	told            bytes.Buffer // messages
	shown           int          // bytes of told that were shown

	mu       sync.Mutex // of the rest: events, keys and sizes come from goroutines of their own
	model    *model
	terminal *held // nil until the screen is up
	resized  chan os.Signal
}

// New returns a screen. It comes up when the probes are attached.
func New(o Options) *Screen {
	s := &Screen{o: o, model: newModel(o.Levels, o.Terminal.Color), resized: make(chan os.Signal, 1)}
	s.Renderer = render.NewTable(render.Options{Out: io.Discard, Err: &s.told, Quiet: true, MaxMapKeys: o.Keys}, render.Layout{})
	return s
}

// up takes the terminal.
func (s *Screen) up() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal, err = hold(s.o.Terminal.File, s.key); err != nil {
		return fmt.Errorf("screen: %w", err)
	}
	signal.Notify(s.resized, unix.SIGWINCH)
	go func() {
		for range s.resized {
			s.mu.Lock()
			_ = s.show(s.terminal.size()) // what fails does so with the next report, too
			s.mu.Unlock()
		}
	}()
	return s.show(s.terminal.size())
}

// update shows what comes of the run.
func (s *Screen) update(msg any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.show(msg)
}

func (s *Screen) show(msg any) error {
	s.model.update(msg)
	return s.terminal.show(s.model.text())
}

// key shows what a key changes.
func (s *Screen) key(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.model.key(k) || s.terminal.show(s.model.text()) != nil {
		s.o.Quit()
	}
}

// Event implements render.Renderer.
func (s *Screen) Event(e events.Event) error {
	if s.terminal == nil {
		if _, attached := e.(*events.Attached); attached {
			return s.up()
		}
		return s.Renderer.Event(e)
	}
	if r, ok := e.(*events.Report); ok {
		for i, l := range s.o.Levels {
			if r.Map.Name == l.Map {
				if err := s.update(rowsMsg{i, rows(l.Columns, r)}); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := s.Renderer.Event(e); err != nil {
		return err
	}
	if line := s.newly(); line != "" {
		return s.update(noticeMsg(line))
	}
	return nil
}

// newly is the first line of what was told since it was asked last: the others are
// details.
func (s *Screen) newly() string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(s.told.Bytes()[s.shown:]), []byte("\n"))
	s.shown = s.told.Len()
	return string(line)
}

// Write makes text the heading.
func (s *Screen) Write(text []byte) (int, error) {
	if s.terminal == nil {
		return s.o.Terminal.Write(text)
	}
	return len(text), s.update(headingMsg(bytes.TrimSpace(text)))
}

// Close gives the terminal back, and tells there what was told meanwhile.
func (s *Screen) Close() error {
	var err error
	if s.terminal != nil {
		signal.Stop(s.resized)
		close(s.resized)
		if err = s.terminal.giveBack(); err != nil {
			err = fmt.Errorf("screen: %w", err)
		}
	}
	_, tellErr := s.o.Err.Write(s.told.Bytes())
	return errors.Join(err, tellErr)
}
