package run

import (
	"runtime/debug"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/rpc"
)

// TestNoteAge tests of which versions of a framework is warned.
func TestNoteAge(t *testing.T) {
	f := &rpc.Framework{Name: "some", Module: "example.org/some", Oldest: "v1.8.36"}
	for has, older := range map[string]bool{"v1.7.11": true, "v1.8.35": true, "v1.8.36": false, "v1.10.0": false, "v2.0.0": false, "(devel)": false, "": false} {
		info := &debug.BuildInfo{Deps: []*debug.Module{{Path: f.Module, Version: has}}}
		b := &binary{target: &prog.Target{Path: "/srv/app"}, file: &gobin.File{Go: &gobin.GoInfo{BuildInfo: info}}}
		w := &world{}
		w.noteAge(b, f)
		w.noteAge(b, f)
		if got := len(w.gaps); got != map[bool]int{true: 1}[older] {
			t.Errorf("version %q: %q", has, w.gaps)
		}
		if older && !strings.Contains(w.gaps[0], "/srv/app: its some "+has+": it is older than v1.8.36") {
			t.Error(w.gaps)
		}
	}
	old := &binary{target: &prog.Target{Path: "/srv/app"}, file: &gobin.File{Go: &gobin.GoInfo{Version: "go1.16.15", BuildInfo: &debug.BuildInfo{}}}}
	w := &world{}
	w.noteAge(old, &rpc.Framework{Name: "net/some", Module: rpc.Std, Oldest: "go1.17"})
	if len(w.gaps) != 1 || !strings.Contains(w.gaps[0], "its net/some go1.16.15: it is older than go1.17") {
		t.Errorf("of the standard library's: %q", w.gaps)
	}
}
