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
	denied := fmt.Errorf("program u1_end: load program: %w", unix.EPERM)
	if err := s.explain(plan, &codegen.Object{}, denied); err != denied {
		t.Errorf("what is no refusal became %v", err)
	}
}
