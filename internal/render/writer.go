// Package render prints events: as bpftrace's text, as bpftrace's JSON, and as
// the tables, JSON, CSV and histograms of the tools. It is pure: all it needs
// comes in with the events, all it makes goes to two writers.
package render

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
)

// Renderer prints events. Output is buffered; Close ends what the format leaves
// open. All methods return a *ClosedError once nobody reads the output.
type Renderer interface {
	Event(e events.Event) error
	Flush() error
	Close() error
}

// Options say where output goes.
type Options struct {
	Out      io.Writer
	Err      io.Writer
	Terminal bool   // Out is a terminal: text of traced processes is escaped
	Trailer  string // printed after a string that was cut
	// Source is the script, for messages that name a place in it; may be nil.
	Source *diag.Source
	Quiet  bool // no line that tells how many probes are attached
	// MaxMapKeys is named in the message about full maps.
	MaxMapKeys int
}

// ClosedError tells that the reader of the output went away; a session ends
// then without complaint. The process has to ignore SIGPIPE to see it on
// standard output.
type ClosedError struct{ Cause error }

func (e *ClosedError) Error() string { return fmt.Sprintf("output: %v", e.Cause) }

func (e *ClosedError) Unwrap() error { return e.Cause }

// bufferSize is where a full buffer is written although nobody said Flush.
const bufferSize = 64 << 10

// writer collects output; buf is appended to directly.
type writer struct {
	out io.Writer
	buf []byte
	err error
}

// flush writes what was collected.
func (w *writer) flush() error {
	if w.err == nil && len(w.buf) > 0 {
		_, err := w.out.Write(w.buf)
		w.err = outputError(err)
	}
	w.buf = w.buf[:0]
	return w.err
}

// spill flushes a buffer that has grown large.
func (w *writer) spill() error {
	if len(w.buf) < bufferSize {
		return w.err
	}
	return w.flush()
}

func outputError(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return &ClosedError{err}
	}
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}
