package spans

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAttempts tests what becomes of a call, 10, and its attempts, in the orders in
// which they may come; those that are caused have parent 1.
func TestAttempts(t *testing.T) {
	attempt := func(n int) *Call { return &Call{Span: ID(20 + n), Parent: 1, Of: 10, Attempt: n} }
	whole := func(n int) *Call { return &Call{Span: 10, Parent: 1, Whole: true, Attempts: n} }
	text := func(list []*Call) string {
		var all []string
		for _, c := range list {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%d<%d %s", c.Span, c.Parent, c.Tries())))
		}
		return strings.Join(all, ", ")
	}
	const wait = 0 // what comes next is Due
	for name, c := range map[string]struct {
		calls []*Call // nil: time passes
		want  []string
	}{
		"no attempt":          {[]*Call{{Span: 5, Parent: 1}}, []string{"5<1"}},
		"one":                 {[]*Call{attempt(1), whole(1)}, []string{"", "21<1"}},
		"one, told later":     {[]*Call{whole(1), attempt(1)}, []string{"", "21<1"}},
		"two":                 {[]*Call{attempt(1), attempt(2), whole(2)}, []string{"", "", "21<10 attempt 1, 22<10 attempt 2, 10<1 2 attempts"}},
		"one that ends later": {[]*Call{attempt(1), whole(2), attempt(2)}, []string{"", "21<10 attempt 1, 10<1 2 attempts", "22<10 attempt 2"}},
		"both end later":      {[]*Call{whole(2), attempt(1), attempt(2)}, []string{"10<1 2 attempts", "21<10 attempt 1", "22<10 attempt 2"}},
		"none was sent":       {[]*Call{whole(0)}, []string{"10<1 0 attempts"}},
		"a long pause":        {[]*Call{attempt(1), nil, attempt(2), whole(2)}, []string{"", "21<10 attempt 1", "22<10 attempt 2", "10<1 2 attempts"}},
		"one is not seen":     {[]*Call{whole(1), nil}, []string{"", "10<1 1 attempt"}},
		"the call is not":     {[]*Call{attempt(1), nil}, []string{"", "21<10 attempt 1"}},
		"a pause, then one":   {[]*Call{attempt(1), nil, whole(1)}, []string{"", "21<10 attempt 1", "10<1 1 attempt"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := NewAttempts(wait, 100)
			var got []string
			for _, call := range c.calls {
				if call == nil {
					got = append(got, text(a.Due(t0)))
				} else {
					got = append(got, text(a.Add(call, t0)))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if rest := a.Rest(); len(rest) > 0 || len(a.calls) > 0 {
				t.Errorf("%s is left", text(rest))
			}
		})
	}
}

// TestAttemptsBounded tests that calls that are not told to end do not fill the memory,
// and come out.
func TestAttemptsBounded(t *testing.T) {
	a := NewAttempts(time.Hour, 10)
	out := 0
	for i := range 1000 {
		out += len(a.Add(&Call{Span: ID(i + 1), Of: ID(10000 + i), Attempt: 1}, t0))
	}
	if out != 990 || len(a.calls) != 10 || len(a.order) != 10 {
		t.Errorf("%d came out, %d and %d are held", out, len(a.calls), len(a.order))
	}
	if n := len(a.Due(t0.Add(2 * time.Hour))); n != 10 || len(a.calls) != 0 {
		t.Errorf("%d came in time, %d are held", n, len(a.calls))
	}
}
