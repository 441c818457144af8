package run

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// TestRefusals shows what a user sees of a verifier that says nothing, or too
// little.
func TestRefusals(t *testing.T) {
	src := &diag.Source{Name: "x.bt", Text: "begin { @ = 1 }\nend { @ = 2 }\n"}
	s := &session{opts: Options{Source: src}}
	plan := &lower.Unit{Point: &prog.Point{Span: diag.Span{Start: 16, End: 19}}}
	for _, cause := range []error{unix.EFAULT, unix.E2BIG, unix.ENOSPC,
		&ebpf.VerifierError{Cause: unix.E2BIG}, &ebpf.VerifierError{Cause: unix.ENOSPC, Log: []string{"processed 3 insns"}}} {
		err := s.explain(plan, &codegen.Object{}, fmt.Errorf("program u1_end: load program: %w", cause))
		var list *diag.ListError
		if !errors.As(err, &list) {
			t.Errorf("%v: %v is not shown in the script", cause, err)
			continue
		}
		var text strings.Builder
		diag.Render(&text, list.List, false)
		for _, want := range []string{"x.bt:2:1-4: ERROR: the kernel's verifier gave up on this probe", "HINT: make the probe smaller"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%v is shown as\n%swant %q in it", cause, &text, want)
			}
		}
	}
	large := &ebpf.VerifierError{Cause: unix.E2BIG, Log: []string{"BPF program is too large. Processed 1000001 insn"}}
	err := s.explain(plan, &codegen.Object{Turns: diag.Span{Start: 22, End: 27}}, large)
	var shown *diag.ListError
	if !errors.As(err, &shown) {
		t.Fatalf("%v is not shown in the script", err)
	}
	var text strings.Builder
	diag.Render(&text, shown.List, false)
	if want := "x.bt:2:7-12: ERROR: this kernel's verifier looks at each turn of a loop, and these are too many for it: bpf_loop"; !strings.Contains(text.String(), want) {
		t.Errorf("a loop is shown as\n%swant %q in it", &text, want)
	}
	for line, want := range map[string]string{
		"invalid func unknown#208":                                         "this kernel has no bpf_ktime_get_tai_ns for programs of this kind",
		"unknown func bpf_d_path#147":                                      "this kernel has no bpf_d_path for programs of this kind",
		"program of this type cannot use helper bpf_override_return#58":    "this kernel has no bpf_override_return for programs of this kind",
		"helper call is not allowed in probe":                              "this kernel does not allow this in probes of this kind",
		"9: (85) call bpf_d_path#147\nhelper call is not allowed in probe": "this kernel has no bpf_d_path for programs of this kind",
	} {
		err := s.explain(plan, &codegen.Object{}, &ebpf.VerifierError{Cause: unix.EINVAL, Log: append(strings.Split(line, "\n"), "processed 3 insns")})
		var list *diag.ListError
		if !errors.As(err, &list) || !strings.HasPrefix(list.List.All[0].Msg, want) || list.List.All[0].Hint != "" {
			t.Errorf("%q is shown as %v, want %q", line, err, want)
		}
	}
	denied := fmt.Errorf("program u1_end: load program: %w", unix.EPERM)
	if err := s.explain(plan, &codegen.Object{}, denied); err != denied {
		t.Errorf("what is no refusal became %v", err)
	}
}
