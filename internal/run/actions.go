package run

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/render"
)

// handle carries out one record of the ring buffer. Records come in the order
// in which the programs sent them, so that print(@a); clear(@a) means what it
// says.
func (s *session) handle(raw []byte) error {
	if s.stopped && !s.ending {
		return nil // sent after exit()
	}
	rec, err := s.decoder.Decode(raw, time.Now())
	if err != nil {
		return err
	}
	return s.act(rec)
}

func (s *session) act(rec *events.Record) error {
	a := rec.Action
	switch a.Kind {
	case prog.ActPrintMap:
		report, err := s.maps.Print(a)
		if err != nil {
			return err
		}
		return s.opts.Sink.Event(report)
	case prog.ActClear:
		return s.maps.Clear(a)
	case prog.ActZero:
		return s.maps.Zero(a)
	case prog.ActExit:
		s.stop(int(int32(rec.Values[0].Int)), nil)
		return nil
	case prog.ActUnwatch:
		return s.unwatch(rec.Values[0].Int)
	case prog.ActAssert:
		s.stop(1, nil)
		return s.opts.Sink.Event(rec)
	case prog.ActCat:
		return s.cat(rec)
	case prog.ActSystem:
		return s.system(rec)
	}
	return s.opts.Sink.Event(rec)
}

// stop ends the run after the record at hand; the first reason counts, but for
// the status of an exit() among the end probes.
func (s *session) stop(status int, err error) {
	if s.ending && err == nil {
		s.status = status
	}
	if !s.stopped {
		s.stopped, s.status, s.stopErr = true, status, err
	}
}

// exitCalled tells whether a program has called exit(), and with which code.
func (s *session) exitCalled() (code int, called bool, err error) {
	var word uint64
	if err := s.kernel.Map(codegen.MapExit).Lookup(uint32(0), &word); err != nil {
		return 0, false, fmt.Errorf("asking whether exit() was called: %w", err)
	}
	return int(int32(word)), word&codegen.ExitCalled != 0, nil
}

// lostExit ends the run where the record of exit() found no room, after those that did.
func (s *session) lostExit() error {
	code, called, err := s.exitCalled()
	if err != nil || !called || s.stopped {
		return err
	}
	if err := s.reader.Drain(s.handle); err != nil {
		return err
	}
	s.stop(code, nil)
	return nil
}

// cat prints the file that the record names, up to max_cat_bytes.
func (s *session) cat(rec *events.Record) error {
	path := render.Sprintf(rec, s.prog.Config.StrTruncTrailer)
	f, err := os.Open(path)
	if err != nil {
		return s.opts.Sink.Event(&events.Message{Level: "error", Text: noFile(path, err)})
	}
	defer f.Close()
	text := make([]byte, s.prog.Config.MaxCatBytes)
	n, err := f.Read(text)
	if n == 0 && err != nil {
		return nil
	}
	return s.opts.Sink.Event(&events.Output{Action: rec.Action, Data: text[:n]})
}

// noFile says that a file cannot be opened, and why, as bpftrace does.
func noFile(path string, err error) string {
	reason := err.Error()
	var errno syscall.Errno
	if errors.As(err, &errno) {
		reason = events.LabelText("error", uint64(errno))
	}
	return fmt.Sprintf("failed to open file '%s' (%s)", path, reason)
}

// system runs the record's text in a shell; its output stands in the order of
// the events.
func (s *session) system(rec *events.Record) error {
	if err := s.opts.Sink.Flush(); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", render.Sprintf(rec, s.prog.Config.StrTruncTrailer))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		text := fmt.Sprintf("system: %v", err)
		if code := cmd.ProcessState.ExitCode(); code > 0 {
			text = fmt.Sprintf("command exited with code %d", code)
		}
		if err := s.opts.Sink.Event(&events.Message{Level: "error", Text: text}); err != nil {
			return err
		}
	}
	return s.opts.Sink.Event(&events.Output{Action: rec.Action, Data: out.Bytes()})
}

// unwatch takes the watchpoints off an address.
func (s *session) unwatch(addr uint64) error {
	for _, u := range s.kernel.Units() {
		if u.Plan.Kind == prog.KindWatchpoint && u.Plan.Point.Address == addr {
			if err := s.kernel.Drop(u); err != nil {
				return err
			}
		}
	}
	return nil
}
