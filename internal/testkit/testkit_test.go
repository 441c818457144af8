package testkit

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

func TestMain(m *testing.M) { Main(m) }

// verdict is a test that only takes down how it ended.
type verdict struct {
	testing.TB
	skipped, failed bool
}

func (v *verdict) Helper()               {}
func (v *verdict) Skip(...any)           { v.skipped = true }
func (v *verdict) Fatal(...any)          { v.failed = true }
func (v *verdict) Fatalf(string, ...any) { v.failed = true }
func (v *verdict) Errorf(string, ...any) { v.failed = true }

func TestNeed(t *testing.T) {
	lack := &kernel.UnsupportedError{Feature: kernel.FeatureKprobe, Cause: errors.New("no such file")}
	for _, tt := range []struct {
		name            string
		err             error
		has             string
		skipped, failed bool
	}{
		{"no error", nil, "kprobe", false, false},
		{"lack", lack, "", true, false},
		{"lack of another", lack, "kprobe_multi,btf", true, false},
		{"lack of what must be there", lack, "btf,kprobe", false, true},
		{"another error", errors.New("broken"), "", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(EnvKernelHas, tt.has)
			v := &verdict{TB: t}
			Need(v, tt.err)
			if v.skipped != tt.skipped || v.failed != tt.failed {
				t.Errorf("skipped %v, failed %v", v.skipped, v.failed)
			}
		})
	}
}

func TestUnavailable(t *testing.T) {
	for _, ci := range []string{"", "true"} {
		t.Setenv("CI", ci)
		v := &verdict{TB: t}
		unavailable(v, "needs a pony")
		if v.failed != (ci == "true") {
			t.Errorf("CI=%q: failed %v", ci, v.failed)
		}
	}
}

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "golden")
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for got, fails := range map[string]bool{"one\ntwo\n": false, "one\n": true, "one\ntwo\nthree\n": true} {
		v := &verdict{TB: t}
		Golden(v, path, []byte(got))
		if v.failed != fails {
			t.Errorf("%q: failed %v", got, v.failed)
		}
	}
}

func TestFirstDifference(t *testing.T) {
	got := firstDifference("a\nb\nc", "a\nb")
	if want := "line 3 differs\n got: c\nwant: (end of text)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLeaks(t *testing.T) {
	got := leaks([]string{"a", "b", "b"}, []string{"b", "a", "bpf", "b", "b"})
	if want := []string{"bpf", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOpenFilesSeesALeak(t *testing.T) {
	before, err := openFiles()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	after, err := openFiles()
	if err != nil {
		t.Fatal(err)
	}
	if got := leaks(before, after); !slices.Equal(got, []string{os.DevNull}) {
		t.Errorf("leaks are %q", got)
	}
}

func startEcho(t *testing.T) *Proc {
	t.Helper()
	return Start(t, Build(t, fixture.Spec{Dir: "internal/testkit/fixture/testdata/echo"}))
}

func TestProc(t *testing.T) {
	p := startEcho(t)
	p.Send("one")
	if match := p.Stdout.WaitLine(`^(\d+): (.*)$`); !slices.Equal(match, []string{"1: one", "1", "one"}) {
		t.Errorf("match is %q", match)
	}
	p.Send("two")
	p.Send("three")
	p.Stdout.WaitLine(`three`)
	p.Send("fail")
	p.Stderr.WaitLine(`^asked to fail$`)
	if code := p.Wait(); code != 3 {
		t.Errorf("exit status %d", code)
	}
	if text := p.Stdout.Text(); text != "1: one\n2: two\n3: three\n" {
		t.Errorf("output %q", text)
	}
}

func TestProcEnds(t *testing.T) {
	p := startEcho(t)
	p.CloseStdin()
	if code := p.Wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if code := startEcho(t).Stop(syscall.SIGKILL); code != -int(syscall.SIGKILL) {
		t.Errorf("exit status %d", code)
	}
}
