package kernel

import (
	"encoding/binary"
	"os"
	"os/exec"
	"testing"
)

// TestWatchSpaces looks for what a process did after it has ended.
func TestWatchSpaces(t *testing.T) {
	needRoot(t)
	w, err := WatchSpaces()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd := exec.Command("/bin/true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []SpaceEventKind
	mapped, last := false, uint64(0)
	lost := w.Drain(func(e SpaceEvent) {
		if e.Time < last {
			t.Errorf("event at %d behind one at %d", e.Time, last)
		}
		last = e.Time
		if int(e.PID) != cmd.Process.Pid {
			return
		}
		if len(kinds) == 0 || kinds[len(kinds)-1] != e.Kind {
			kinds = append(kinds, e.Kind)
		}
		if e.Kind == SpaceForked && int(e.Parent) != os.Getpid() {
			t.Errorf("parent %d, want %d", e.Parent, os.Getpid())
		}
		if real, err := os.Stat(e.Path); e.Kind == SpaceMapped && err == nil && os.SameFile(st, real) {
			mapped = true
		}
	})
	want := []SpaceEventKind{SpaceForked, SpaceExec, SpaceMapped, SpaceEnded}
	if lost || !mapped || len(kinds) != len(want) {
		t.Fatalf("kinds %v, want %v; its program mapped: %v; lost: %v", kinds, want, mapped, lost)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Errorf("kinds %v, want %v", kinds, want)
		}
	}
}

func FuzzSpaceEvent(f *testing.F) {
	record := make([]byte, 96)
	binary.LittleEndian.PutUint32(record, 10)
	binary.LittleEndian.PutUint64(record[8+16:], 4096)
	copy(record[8+64:], "/bin/true")
	f.Add(record)
	for _, kind := range []byte{2, 3, 4, 7} {
		other := append([]byte{kind}, make([]byte, 55)...)
		f.Add(other)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok, _ := parseSpaceEvent(b)
		if ok && e.Kind == SpaceMapped && e.End <= e.Start {
			t.Errorf("%+v", e)
		}
	})
}
