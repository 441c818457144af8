package spans

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sample is a tree of which two calls were under way at once.
func sample() *Node {
	f := NewForest(time.Second, time.Minute, 100)
	failed := side(Client, 16, 12, "</script><b>", 40, 30)
	failed.Status, failed.Error = "error", "no such \x00 thing"
	for _, c := range []*Call{
		side(Client, 1, 0, "Front", 0, 100), side(Server, 12, 1, "Front", 1, 98),
		side(Client, 13, 12, "Stock", 10, 20), side(Server, 24, 13, "Stock", 11, 18),
		side(Client, 15, 12, "Price", 15, 40), failed,
	} {
		f.Add(c, t0)
	}
	return f.Rest()[0]
}

func TestSteps(t *testing.T) {
	var got []string
	Steps(sample()).Walk(func(s *Step) {
		status, text, _ := s.Failed()
		got = append(got, fmt.Sprint(strings.Repeat(" ", s.Depth), s.Call().Name(), " ", s.Duration(), " ", s.Server != nil, " ", status, text))
	})
	want := []string{"S.Front 100ms true ok", " S.Stock 20ms true ok", " S.Price 40ms false ok", " S.</script><b> 30ms false errorno such \x00 thing"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestChrome(t *testing.T) {
	var out bytes.Buffer
	c := NewChrome(&out)
	for range 2 {
		if err := c.Tree(sample()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	var list []chromeEvent
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	var spans []chromeEvent
	for _, e := range list {
		kinds[e.Phase]++
		if e.Phase == "X" {
			spans = append(spans, e)
		}
	}
	if diff := cmp.Diff(map[string]int{"M": 3, "X": 12, "s": 4, "f": 4}, kinds); diff != "" {
		t.Error(diff)
	}
	// On one track a call is inside another or beside it.
	for i, a := range spans {
		for _, b := range spans[:i] {
			from, to := max(a.TS, b.TS), min(a.TS+*a.Dur, b.TS+*b.Dur)
			inside := from == a.TS && to == a.TS+*a.Dur || from == b.TS && to == b.TS+*b.Dur
			if a.PID == b.PID && a.TID == b.TID && from < to && !inside {
				t.Errorf("on one track: %s at %f for %f, %s at %f for %f", a.Name, a.TS, *a.Dur, b.Name, b.TS, *b.Dur)
			}
		}
	}
	var empty bytes.Buffer
	if err := NewChrome(&empty).Close(); err != nil || empty.String() != "[]\n" {
		t.Errorf("%q, %v", empty.String(), err)
	}
}

var pageJSON = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

func pageText(t *testing.T, p *Page) (string, pageData) {
	t.Helper()
	var out bytes.Buffer
	if err := p.Write(&out, []string{"a note"}); err != nil {
		t.Fatal(err)
	}
	var d pageData
	if err := json.Unmarshal([]byte(pageJSON.FindStringSubmatch(out.String())[1]), &d); err != nil {
		t.Fatal(err)
	}
	return out.String(), d
}

func TestPage(t *testing.T) {
	p := NewPage()
	p.Tree(sample())
	text, d := pageText(t, p)
	if d.Calls != 4 || d.Failed != 1 || d.Trees != 1 || len(d.Heat) != 5 || len(d.Slowest) != 4 || d.Notes[0] != "a note" {
		t.Errorf("%+v", d)
	}
	if s := d.Slowest[0]; s.Name != "S.Front" || *s.Took != 100e3 || *s.Served != 98e3 || s.From != "p 0" || s.To != "p 1" {
		t.Errorf("%+v", s)
	}
	if root := d.Slow[0].Root; len(root.Calls) != 3 || root.Calls[2].Error != "no such \x00 thing" || root.Calls[0].Start != 10e3 {
		t.Errorf("%+v", root)
	}
	// Nothing is fetched, and what processes say ends no script.
	if bad := regexp.MustCompile(`(?i)\b(src|href)=|url\(|@import|<link|<img`).FindString(text); bad != "" {
		t.Errorf("the page asks for something: %s", bad)
	}
	if n := strings.Count(text, "</script>"); n != 2 {
		t.Errorf("%d ends of scripts", n)
	}
}

func TestPageBounds(t *testing.T) {
	p := NewPage()
	for i := range 1000 {
		p.Tree(&Node{Call: side(Client, ID(i+1), 0, fmt.Sprint("M", i), i*1000, (i*7919)%1000)})
	}
	_, d := pageText(t, p)
	if d.Calls != 1000 || len(d.Slowest) != pageSlowest || len(d.Slow) != pageTrees || len(d.Last) != pageTrees || len(d.Heat) > heatMethods+1 {
		t.Errorf("%d calls, %d slowest, %d and %d trees, %d heat maps", d.Calls, len(d.Slowest), len(d.Slow), len(d.Last), len(d.Heat))
	}
	var took []float64
	for _, c := range d.Slowest {
		took = append(took, *c.Took)
	}
	if !slices.IsSortedFunc(took, func(a, b float64) int { return int(b - a) }) || took[0] != 999e3 || took[99] != 900e3 {
		t.Errorf("the slowest: %v", took)
	}
	if d.Last[0].Root.Name != "S.M999" {
		t.Errorf("the last is %s", d.Last[0].Root.Name)
	}
	n := uint32(0)
	for _, c := range d.Heat[0].Cells {
		n += c[2]
	}
	if n != 1000 || d.Step < 1000/heatColumns*1e6 {
		t.Errorf("%d calls in the heat map, columns of %g µs", n, d.Step)
	}
	big := &Node{Call: side(Client, 1, 0, "Root", 0, 1)}
	for i := range 2000 {
		big.Children = append(big.Children, &Node{Call: side(Client, ID(i+2), 1, "Child", i, 1)})
	}
	p = NewPage()
	p.Tree(big)
	if _, d = pageText(t, p); len(d.Slow[0].Root.Calls) != pageSteps-1 || d.Slow[0].Left != 2001-pageSteps {
		t.Errorf("%d children, %d left", len(d.Slow[0].Root.Calls), d.Slow[0].Left)
	}
}

// TestApart compares the ids with what the scripts compute.
func TestApart(t *testing.T) {
	c := side(Client, 1, 0, "M", 0, 1)
	if _, _, ok := c.Apart(); ok {
		t.Error("a call without a connection has ids")
	}
	c.Conn, c.Seq = 0x1234567890abcdef, 3
	trace, span, ok := c.Apart()
	again := *c
	again.Trace = trace
	if _, _, same := again.Apart(); !ok || same || span == 0 || span == c.Span {
		t.Errorf("%x %x %v %v", trace, span, ok, same)
	}
}
