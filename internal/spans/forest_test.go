package spans

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var t0 = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// side is a span of a test: its start in ms since t0.
func side(s Side, span, parent ID, method string, start, ms int) *Call {
	return &Call{Span: span, Parent: parent, Side: s, Service: "S", Method: method, Status: "ok", PID: int(span) / 10, Process: "p",
		Framework: "rpcx", Start: t0.Add(time.Duration(start) * time.Millisecond), Duration: time.Duration(ms) * time.Millisecond,
		Handler: None, ReqBytes: None, RespBytes: None}
}

// shape is a tree as text: client(server(children)).
func shape(n *Node) string {
	var parts []string
	for _, c := range n.Children {
		parts = append(parts, shape(c))
	}
	text := fmt.Sprint(n.Span)
	if len(parts) > 0 {
		text += "(" + strings.Join(parts, " ") + ")"
	}
	return text
}

func shapes(list []*Node) []string {
	var all []string
	for _, n := range list {
		all = append(all, shape(n))
	}
	return all
}

func TestForest(t *testing.T) {
	// 1 calls 2, which calls 5 and 3 (of another process: 4).
	calls := []*Call{
		side(Client, 1, 0, "Front", 0, 100), side(Server, 2, 1, "Front", 1, 98),
		side(Client, 3, 2, "Stock", 10, 20), side(Server, 4, 3, "Stock", 11, 18),
		side(Client, 5, 2, "Price", 5, 40),
	}
	want := []string{"1(2(5 3(4)))"}
	for _, order := range [][]int{{3, 2, 4, 1, 0}, {0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {1, 3, 0, 2, 4}} {
		f := NewForest(time.Second, time.Minute, 100)
		for _, i := range order {
			if trees := f.Add(calls[i], t0); trees != nil {
				t.Fatalf("%v: %v came early", order, shapes(trees))
			}
		}
		if trees := f.Ended(t0.Add(time.Second - 1)); trees != nil {
			t.Errorf("%v: %v did not wait", order, shapes(trees))
		}
		if diff := cmp.Diff(want, shapes(f.Ended(t0.Add(time.Second)))); diff != "" {
			t.Errorf("%v: %s", order, diff)
		}
		if diff := cmp.Diff(Counts{Trees: 1, Calls: 3, Joined: 2, ClientOnly: 1}, f.Counts); diff != "" {
			t.Errorf("%v: %s", order, diff)
		}
		if f.Held() != 0 || len(f.nodes) != 0 || len(f.waiting) != 0 || len(f.soon) != 0 {
			t.Errorf("%v: something stays: %+v", order, f)
		}
	}
}

func TestForestIncomplete(t *testing.T) {
	f := NewForest(time.Second, time.Minute, 100)
	f.Add(side(Server, 12, 11, "Remote", 0, 5), t0)
	f.Add(side(Client, 13, 99, "Orphan", 0, 5), t0)
	f.Add(side(Client, 13, 99, "Again", 0, 5), t0)
	if diff := cmp.Diff([]string{"12"}, shapes(f.Ended(t0.Add(time.Second)))); diff != "" {
		t.Error(diff)
	}
	f.Add(side(Client, 11, 0, "Late", 0, 5), t0.Add(2*time.Second))
	if diff := cmp.Diff([]string{"11"}, shapes(f.Ended(t0.Add(3*time.Second)))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"13"}, shapes(f.Ended(t0.Add(time.Minute)))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Counts{Trees: 3, Calls: 3, ClientOnly: 2, ServerOnly: 1, Orphans: 1, Twice: 1}, f.Counts); diff != "" {
		t.Error(diff)
	}
}

func TestForestBounds(t *testing.T) {
	f := NewForest(time.Second, time.Minute, 4)
	var early []string
	for i := range ID(10) {
		early = append(early, shapes(f.Add(side(Client, 100+i, 50+i/2, "M", int(i), 1), t0))...)
		if f.Held() > 4 || len(f.waiting) > 4 {
			t.Fatalf("%d spans are held, %d parents awaited", f.Held(), len(f.waiting))
		}
	}
	if diff := cmp.Diff([]string{"100", "101", "102", "103", "104", "105"}, early); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"106", "107", "108", "109"}, shapes(f.Rest())); diff != "" {
		t.Error(diff)
	}
	if f.Counts.Early != 6 || f.Held() != 0 || len(f.waiting) != 0 {
		t.Errorf("%+v, %d held, %d awaited", f.Counts, f.Held(), len(f.waiting))
	}
}

// TestForestCircle tests that spans which name each other as parents do no harm.
func TestForestCircle(t *testing.T) {
	f := NewForest(time.Second, time.Minute, 100)
	f.Add(side(Client, 1, 2, "A", 0, 1), t0)
	f.Add(side(Server, 2, 1, "B", 0, 1), t0)
	f.Add(side(Client, 3, 3, "C", 0, 1), t0)
	got := append(shapes(f.Ended(t0.Add(time.Hour))), shapes(f.Rest())...)
	if diff := cmp.Diff([]string{"2(1)", "3"}, got); diff != "" {
		t.Error(diff)
	}
}
