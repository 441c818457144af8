package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tui"
)

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// colored tells whether messages on f get colours: on a terminal, unless the
// user says otherwise (no-color.org, bpftrace's BPFTRACE_COLOR).
func colored(f *os.File) bool {
	switch os.Getenv("BPFTRACE_COLOR") {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && isTerminal(f)
}

// output is where a command's results go.
type output struct {
	io.Writer
	terminal bool
	file     *os.File      // nil: standard output
	buffer   *bufio.Writer // nil: none
}

// openOutput opens the file of --output; "" is standard output. Writes to one that
// is buffered wait for a full buffer or Close.
func openOutput(path string, buffered bool) (*output, error) {
	o := &output{Writer: os.Stdout, terminal: path == "" && isTerminal(os.Stdout)}
	if path != "" {
		f, err := os.Create(path)
		if err != nil {
			return nil, diag.Sentencef("Failed to open output file: %q: %s", path, plainCause(err))
		}
		o.Writer, o.file = f, f
	}
	if buffered {
		o.buffer = bufio.NewWriterSize(o.Writer, 64<<10)
		o.Writer = o.buffer
	}
	return o, nil
}

// plainCause is what the system said, as C programs print it: "No such file or
// directory".
func plainCause(err error) string {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// screen is the terminal for live screens, with its keyboard; nil if there is none.
func (o *output) screen() *tui.Terminal {
	if !o.terminal || !isTerminal(os.Stdin) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &tui.Terminal{File: os.Stdout, Color: colored(os.Stdout)}
}

// Close writes what is buffered and closes the file.
func (o *output) Close() error {
	var errs []error
	if o.buffer != nil {
		errs = append(errs, o.buffer.Flush())
	}
	if o.file != nil {
		errs = append(errs, o.file.Close())
	}
	return errors.Join(errs...)
}

// page is a listing on standard output. Text in it comes from binaries and
// processes: on a terminal it is escaped.
type page struct {
	flusher
	escape bool
}

type flusher interface {
	io.Writer
	Flush() error
}

func newPage(w io.Writer) page {
	f, ok := w.(*os.File)
	return page{bufio.NewWriter(w), ok && isTerminal(f)}
}

// columns returns a page whose cells, divided by tabs, are aligned when it is
// flushed into p.
func (p page) columns() page {
	return page{tabwriter.NewWriter(p, 0, 8, 2, ' ', 0), p.escape}
}

// printf prints a line or a part of one; its errors are Flush's.
func (p page) printf(format string, args ...any) {
	if p.escape {
		for i, a := range args {
			if s, ok := a.(string); ok {
				args[i] = string(render.AppendEscaped(nil, []byte(s)))
			}
		}
	}
	fmt.Fprintf(p, format, args...)
}
