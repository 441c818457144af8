package events

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

const noWakeup = 1 // BPF_RB_NO_WAKEUP

// emitter is a program that sends its run's number of records without waking
// the reader: u32 sequence numbers that go on from run to run.
type emitter struct {
	t    testing.TB
	ring *ebpf.Map
	prog *ebpf.Program
}

func newEmitter(t testing.TB) *emitter {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("ring buffers need root")
	}
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	next, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.Close() })
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, License: "GPL", Instructions: asm.Instructions{
		asm.LoadMapValue(asm.R6, next.FD(), 0),
		asm.LoadMem(asm.R7, asm.R6, 0, asm.Word),
		asm.StoreMem(asm.RFP, -4, asm.R7, asm.Word),
		asm.Add.Imm(asm.R7, 1),
		asm.StoreMem(asm.R6, 0, asm.R7, asm.Word),
		asm.LoadMapPtr(asm.R1, ring.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.Mov.Imm(asm.R3, 4),
		asm.Mov.Imm(asm.R4, noWakeup),
		asm.FnRingbufOutput.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prog.Close() })
	return &emitter{t, ring, prog}
}

func (e *emitter) emit(n int) {
	e.t.Helper()
	if _, _, err := e.prog.Benchmark(make([]byte, 14), n, nil); err != nil {
		e.t.Fatal(err)
	}
}

func TestReaderSeesRecordsWithoutWakeup(t *testing.T) {
	e := newEmitter(t)
	r, err := NewReader(e.ring, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const total = 5000
	e.emit(total / 2)
	ctx, cancel := context.WithCancel(t.Context())
	seen, sent := uint32(0), total/2
	handle := func(raw []byte) error {
		if n := binary.LittleEndian.Uint32(raw); n != seen {
			t.Fatalf("record %d came as number %d", n, seen)
		}
		seen++
		return nil
	}
	idle := func() error {
		switch {
		case seen == total:
			cancel()
		case int(seen) == sent && sent < total:
			e.emit(total - sent)
			sent = total
		}
		return nil
	}
	if err := r.Run(ctx, handle, idle); err != nil {
		t.Fatal(err)
	}
	if seen != total {
		t.Errorf("%d records, want %d", seen, total)
	}
}

func TestReaderDrain(t *testing.T) {
	e := newEmitter(t)
	r, err := NewReader(e.ring, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	seen := 0
	for turn := 1; turn <= 3; turn++ {
		e.emit(10)
		if err := r.Drain(func([]byte) error { seen++; return nil }); err != nil {
			t.Fatal(err)
		}
		if seen != 10*turn {
			t.Fatalf("after drain %d: %d records", turn, seen)
		}
	}
	stop := errors.New("stop")
	e.emit(2)
	if err := r.Run(t.Context(), func([]byte) error { return stop }, func() error { return nil }); err != stop {
		t.Errorf("error of the handler: %v", err)
	}
}

func BenchmarkReader(b *testing.B) {
	e := newEmitter(b)
	r, err := NewReader(e.ring, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	const batch = 50_000
	b.ReportAllocs()
	left := 0
	for b.Loop() {
		if left > 0 {
			left--
			continue
		}
		b.StopTimer()
		e.emit(batch)
		left = batch - 1
		b.StartTimer()
		if err := r.Drain(func([]byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// A reader that finds nothing asks to be woken, and does so until it is woken often.
func TestReaderSleeps(t *testing.T) {
	e := newEmitter(t)
	asleep, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer asleep.Close()
	r, err := NewReader(e.ring, asleep)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	now := time.Unix(1, 0)
	look := func(what string, times int, empty bool, every time.Duration, want uint32) {
		t.Helper()
		for range times {
			now = now.Add(every)
			if err := r.rest(empty, now); err != nil {
				t.Fatal(err)
			}
		}
		var got uint32
		if err := asleep.Lookup(uint32(0), &got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: asleep is %d, want %d", what, got, want)
		}
	}
	look("empty a few times", sleepAfter-1, true, pollEvery, 0)
	look("empty once more", 1, true, pollEvery, 1)
	look("woken now and then", 100, false, pollEvery+1, 1)
	look("woken often", fewWakes+1, false, pollEvery/100, 0)
	look("records after that", 1, false, pollEvery, 0)
	look("empty again", sleepAfter, true, pollEvery, 1)
}
