package language

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// table is a part of a page that is made from the code.
var table = regexp.MustCompile(`(?s)(<!-- table (\w+) -->\n).*?(<!-- end -->)`)

// refill returns the page at path with its tables made anew.
func refill(t *testing.T, path string, tables map[string]string) []byte {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	made := table.ReplaceAllStringFunc(string(page), func(part string) string {
		m := table.FindStringSubmatch(part)
		text, ok := tables[m[2]]
		if !ok {
			t.Fatalf("%s: no table is called %s", path, m[2])
		}
		found++
		return m[1] + text + m[3]
	})
	if found != len(tables) {
		t.Fatalf("%s: %d tables of %d", path, found, len(tables))
	}
	return []byte(made)
}

func TestLanguagePage(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "language.md")
	testkit.Golden(t, page, refill(t, page, map[string]string{
		"builtins": builtins(), "functions": functions(), "settings": settings(), "calls": calls(),
	}))
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func places(k check.Kinds) string {
	names := k.Names()
	if len(names) == 0 {
		return "all"
	}
	return strings.Join(names, ", ")
}

func builtins() string {
	var b strings.Builder
	b.WriteString("| Name | Type | Meaning | Probes |\n|---|---|---|---|\n")
	for _, x := range check.Builtins() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", x.Name, cell(x.Type), cell(x.Doc), places(x.Kinds))
	}
	return b.String()
}

func calls() string {
	var b strings.Builder
	b.WriteString("| Field | Meaning |\n|---|---|\n")
	for _, f := range check.CallFields() {
		fmt.Fprintf(&b, "| `rpc.%s` | %s |\n", f.Name, cell(f.Doc))
	}
	return b.String()
}

func functions() string {
	all := check.Functions()
	slices.SortFunc(all, func(a, b check.Function) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString("| Function | Meaning | Notes |\n|---|---|---|\n")
	for _, f := range all {
		var notes []string
		if f.Async {
			notes = append(notes, "done in user space")
		}
		if f.Unsafe {
			notes = append(notes, "needs `--unsafe`")
		}
		if names := f.Kinds.Names(); len(names) > 0 {
			notes = append(notes, "in "+strings.Join(names, ", "))
		}
		fmt.Fprintf(&b, "| `%s(%s)` | %s | %s |\n", f.Name, cell(f.Args), cell(f.Doc), strings.Join(notes, "; "))
	}
	return b.String()
}

func settings() string {
	var b strings.Builder
	b.WriteString("| Name | Default | Values |\n|---|---|---|\n")
	for _, s := range check.Settings() {
		values := s.Kind
		if len(s.Values) > 0 {
			values = strings.Join(s.Values, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", s.Name, s.Default, values)
	}
	return b.String()
}

// TestCompatPage fills in the cases whose output bpftrace does not share, one row
// a reason.
func TestCompatPage(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "compat.md")
	cases := map[string][]string{}
	var reasons []string
	for _, file := range caseFiles(t) {
		for _, c := range readCases(t, file) {
			if c.only == "" {
				continue
			}
			if cases[c.only] == nil {
				reasons = append(reasons, c.only)
			}
			cases[c.only] = append(cases[c.only], fmt.Sprintf("%s: %s", filepath.Base(file), c.name))
		}
	}
	var b strings.Builder
	b.WriteString("| Why | Cases |\n|---|---|\n")
	for _, why := range reasons {
		fmt.Fprintf(&b, "| %s | %s |\n", cell(why), cell(strings.Join(cases[why], "; ")))
	}
	testkit.Golden(t, page, refill(t, page, map[string]string{"cases": b.String()}))
}
