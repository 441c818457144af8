package syntax

import (
	"go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestWalkReachesEveryNode compares Walk with a search through the fields of
// the tree by reflection, so that a new field cannot be forgotten.
func TestWalkReachesEveryNode(t *testing.T) {
	text, err := os.ReadFile("testdata/all.bt")
	if err != nil {
		t.Fatal(err)
	}
	f := mustParse(t, string(text), "7")
	walked := map[Node]bool{}
	Walk(f, func(n Node) bool {
		walked[n] = true
		return true
	})
	found := 0
	search(reflect.ValueOf(f), func(n Node) {
		found++
		if !walked[n] {
			t.Errorf("Walk misses %T at %v", n, n.Span())
		}
	})
	if found < 300 {
		t.Errorf("the search found only %d nodes", found)
	}
	kinds := map[string]bool{}
	for n := range walked {
		kinds[reflect.TypeOf(n).Elem().Name()] = true
	}
	for _, name := range nodeTypes(t) {
		if !kinds[name] {
			t.Errorf("all.bt has no %s", name)
		}
	}
}

// nodeTypes lists the node types of the package's source: structs that embed
// Loc.
func nodeTypes(t *testing.T) []string {
	var names []string
	for _, file := range []string{"nodes.go", "point.go"} {
		tree, err := goparser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if st, ok := spec.Type.(*ast.StructType); ok && len(st.Fields.List) > 0 && len(st.Fields.List[0].Names) == 0 {
				names = append(names, spec.Name.Name)
			}
			return true
		})
	}
	if len(names) < 50 {
		t.Fatalf("found only %d node types", len(names))
	}
	return names
}

// search calls f for all nodes that v holds.
func search(v reflect.Value, f func(Node)) {
	switch v.Kind() {
	case reflect.Interface:
		search(v.Elem(), f)
	case reflect.Pointer:
		if v.IsNil() || !strings.HasSuffix(v.Type().Elem().PkgPath(), "/syntax") {
			return
		}
		if n, ok := v.Interface().(Node); ok {
			f(n)
		}
		search(v.Elem(), f)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				search(v.Field(i), f)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			search(v.Index(i), f)
		}
	}
}

func TestWalkStops(t *testing.T) {
	f := mustParse(t, "BEGIN { f(1); } END { g(2); }")
	var names []string
	Walk(f, func(n Node) bool {
		if c, ok := n.(*CallExpr); ok {
			names = append(names, c.Name)
			return false
		}
		if _, ok := n.(*IntExpr); ok {
			t.Error("went below a call")
		}
		return true
	})
	if strings.Join(names, " ") != "f g" {
		t.Errorf("calls %v", names)
	}
}

// TestSpans checks that each node's span is the text it was read from, by the
// nodes' own text.
func TestSpans(t *testing.T) {
	text := "BEGIN / pid == 1 / { $x = (uint8) foo(1, @m[2, 3]).a ; if $x { g() } }"
	f := mustParse(t, text)
	want := []string{
		"BEGIN", "pid == 1", "pid", "1", "$x = (uint8) foo(1, @m[2, 3]).a", "$x",
		"(uint8) foo(1, @m[2, 3]).a", "uint8", "foo(1, @m[2, 3]).a", "foo(1, @m[2, 3])",
		"1", "@m[2, 3]", "2, 3", "2", "3", "if $x { g() }", "$x", "{ g() }", "g()", "g()",
	}
	var got []string
	Walk(f, func(n Node) bool {
		s := n.Span()
		got = append(got, text[s.Start:s.End])
		return true
	})
	body := got[0][strings.Index(text, "{ $x"):]
	want = append([]string{text, text}, want...)
	want = append(want[:6], append([]string{body}, want[6:]...)...)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
