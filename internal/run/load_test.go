package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// TestApart: functions are told apart by their programs where the kernel has no cookies.
func TestApart(t *testing.T) {
	site := func(fn uint32, addr uint64) prog.Site { return prog.Site{Func: fn, Addr: addr} }
	got := apart([]*lower.Unit{
		{Name: "u0_begin"},
		{Name: "u1_f", Sites: []prog.Site{site(1, 10), site(2, 20), site(1, 11)}},
		{Name: "u2_g", Sites: []prog.Site{site(3, 30), site(3, 31)}, Order: 1},
	})
	want := []*lower.Unit{
		{Name: "u0_begin"},
		{Name: "u1_f", Sites: []prog.Site{site(1, 10), site(1, 11)}},
		{Name: "u5_u1_f", Sites: []prog.Site{site(2, 20)}},
		{Name: "u2_g", Sites: []prog.Site{site(3, 30), site(3, 31)}, Order: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
