package run

import (
	"fmt"
	"testing"
)

func TestStaleFrames(t *testing.T) {
	frame := func(tgid uint32, g, distance, start uint64) openFrame {
		return openFrame{tgid: tgid, g: g, distance: distance, start: start}
	}
	ended := func(tgid uint32) bool { return tgid == 9 }
	for _, c := range []struct {
		name   string
		frames []openFrame
		want   string
	}{
		{"nested calls", []openFrame{frame(1, 1, 200, 20), frame(1, 1, 100, 10)}, ""},
		{"deep frame older than a shallow one", []openFrame{frame(1, 1, 100, 30), frame(1, 1, 200, 20)}, "1/1/200 "},
		{"one call in two tables", []openFrame{frame(1, 1, 100, 31), frame(1, 1, 100, 30)}, ""},
		{"stale in two tables", []openFrame{frame(1, 1, 100, 30), frame(1, 1, 200, 21), frame(1, 1, 200, 20)}, "1/1/200 1/1/200 "},
		{"other goroutine", []openFrame{frame(1, 1, 100, 30), frame(1, 2, 200, 20)}, ""},
		{"other process with the same g", []openFrame{frame(1, 1, 100, 30), frame(2, 1, 200, 20)}, ""},
		{"ended process", []openFrame{frame(9, 1, 100, 10), frame(9, 1, 200, 20)}, "9/1/100 9/1/200 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, f := range staleFrames(c.frames, ended) {
				got += fmt.Sprintf("%d/%d/%d ", f.tgid, f.g, f.distance)
			}
			if got != c.want {
				t.Errorf("stale frames %q, want %q", got, c.want)
			}
		})
	}
}
