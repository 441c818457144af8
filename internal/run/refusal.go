package run

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/lower"
)

const refusedHint = "make the probe smaller: give parts of it probes of their own, with fewer or shorter strings and stacks"

// explain shows a verifier's refusal at the script's line: at the code that it
// stopped at, or at the probe if it does not tell.
func (s *session) explain(plan *lower.Unit, o *codegen.Object, err error) error {
	l := diag.NewList(s.opts.Source)
	var v *ebpf.VerifierError
	told := errors.As(err, &v)
	span, found := diag.Span{}, false
	helper := ""
	if told {
		span, found = refusedAt(o, v)
		helper = refusedHelper(v)
	}
	if !found {
		span = plan.Point.Span
	}
	switch {
	case helper != "":
		l.Errorf(span, "this kernel has no %s for programs of this kind, which this needs", helper)
	case told && strings.Contains(lastLine(v), notHere):
		l.Errorf(span, "this kernel does not allow this in probes of this kind")
	case tooComplex(err) && o.Turns != diag.Span{}:
		l.Errorf(o.Turns, "this kernel's verifier looks at each turn of a loop, and these are too many for it: bpf_loop, which Linux 5.17 has, is missing").Hint =
			"let it make fewer turns, or do less in each"
	case tooComplex(err):
		l.Errorf(plan.Point.Span, "the kernel's verifier gave up on this probe: its %d instructions have too many ways through them", o.Len()).Hint = refusedHint
	case found:
		l.Errorf(span, "the kernel's verifier refuses the code of this: %s", lastLine(v)).Hint = refusedHint + "; -v shows the verifier's log"
	default:
		return err
	}
	if told && s.opts.Verbose {
		fmt.Fprintf(s.opts.Stderr, "%+v\n", v)
	}
	return &diag.ListError{List: l}
}

// tooComplex tells whether the verifier met a limit of its own. Linux 6.18 says
// EFAULT where it cannot keep one more way through a program, and loses its log.
func tooComplex(err error) bool {
	return errors.Is(err, unix.E2BIG) || errors.Is(err, unix.EFAULT) || errors.Is(err, unix.ENOSPC)
}

// notHere is how kernels say that a helper is for fewer places than programs of a kind.
const notHere = "helper call is not allowed in probe"

// noHelper is how kernels say that a program of a kind cannot call a helper.
var noHelper = regexp.MustCompile(`(?:invalid|unknown) func \S+#(\d+)|cannot use helper \S+#(\d+)`)

// calls is how a verifier's log shows that a helper is called.
var calls = regexp.MustCompile(`call bpf_\w+#(\d+)()`)

// refusedHelper is the name of the helper that a refusal is about, "" if it is not.
func refusedHelper(v *ebpf.VerifierError) string {
	m := noHelper.FindStringSubmatch(lastLine(v))
	for i := len(v.Log) - 1; i >= 0 && m == nil && strings.Contains(lastLine(v), notHere); i-- {
		m = calls.FindStringSubmatch(v.Log[i])
	}
	if m == nil {
		return ""
	}
	n, err := strconv.Atoi(m[1] + m[2])
	if err != nil {
		return ""
	}
	name := strings.TrimPrefix(asm.BuiltinFunc(n).String(), "Fn")
	return "bpf" + upper.ReplaceAllStringFunc(name, func(s string) string { return "_" + strings.ToLower(s) })
}

var upper = regexp.MustCompile(`[A-Z]`)

// refusedAt finds the text of the last instruction in the verifier's log, whose
// lines begin with the instruction's offset.
func refusedAt(o *codegen.Object, v *ebpf.VerifierError) (diag.Span, bool) {
	for i := len(v.Log) - 1; i >= 0; i-- {
		var off int
		if n, _ := fmt.Sscanf(v.Log[i], "%d: (", &off); n == 1 {
			return o.SpanAt(off)
		}
	}
	return diag.Span{}, false
}

// lastLine is the verifier's reason: its last line that is not statistics.
func lastLine(v *ebpf.VerifierError) string {
	for i := len(v.Log) - 1; i >= 0; i-- {
		line := strings.TrimSpace(v.Log[i])
		if line != "" && !strings.HasPrefix(line, "processed ") && !strings.HasPrefix(line, "verification time") &&
			!strings.HasPrefix(line, "stack depth") {
			return line
		}
	}
	return v.Cause.Error()
}
