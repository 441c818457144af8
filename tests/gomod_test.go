package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// direct are the modules that the project uses itself. A new one is a decision:
// it is entered here, and go.mod says beside it what it is for.
var direct = map[string]bool{
	"github.com/cilium/ebpf":              true,
	"github.com/google/go-cmp":            true,
	"github.com/ianlancetaylor/demangle":  true,
	"github.com/prometheus/client_golang": true,
	"github.com/prometheus/client_model":  true,
	"github.com/rogpeppe/go-internal":     true,
	"github.com/spf13/cobra":              true,
	"github.com/spf13/pflag":              true,
	"github.com/ulikunitz/xz":             true,
	"go.opentelemetry.io/proto/otlp":      true,
	"go.yaml.in/yaml/v3":                  true,
	"golang.org/x/arch":                   true,
	"golang.org/x/net":                    true,
	"golang.org/x/sys":                    true,
	"google.golang.org/protobuf":          true,
}

// requirements returns go.mod's required modules with the comments beside them.
func requirements(t *testing.T) map[string]string {
	t.Helper()
	root, err := fixture.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	return parseRequirements(string(text))
}

func parseRequirements(gomod string) map[string]string {
	comments := map[string]string{}
	block := ""
	for line := range strings.Lines(gomod) {
		line = strings.TrimSpace(line)
		switch {
		case block == "" && strings.HasSuffix(line, "("):
			block = strings.TrimSpace(strings.TrimSuffix(line, "("))
			continue
		case line == ")":
			block = ""
			continue
		case block == "" && strings.HasPrefix(line, "require "):
			line = strings.TrimPrefix(line, "require ")
		case block != "require":
			continue
		}
		code, comment, _ := strings.Cut(line, "//")
		if words := strings.Fields(code); len(words) == 2 {
			comments[words[0]] = strings.TrimSpace(comment)
		}
	}
	return comments
}

func TestParseRequirements(t *testing.T) {
	got := parseRequirements("module m\n\nrequire a.b/c v1.0.0 // loads\n\nrequire (\n\td.e v0.1.0\n\tf.g v2.0.0 // indirect\n)\n\ntool (\n\td.e v9\n)\n")
	want := map[string]string{"a.b/c": "loads", "d.e": "", "f.g": "indirect"}
	if len(got) != len(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, comment := range want {
		if c, ok := got[name]; !ok || c != comment {
			t.Errorf("%s has comment %q, want %q", name, c, comment)
		}
	}
}

func TestDirectModules(t *testing.T) {
	for name, comment := range requirements(t) {
		switch {
		case strings.HasPrefix(comment, "indirect"):
		case !direct[name]:
			t.Errorf("go.mod requires %s, which is not in the list of this test", name)
		case comment == "":
			t.Errorf("go.mod: no comment beside %s says what it is for", name)
		}
	}
}

// TestImportsAreDirect keeps go.mod and the imports together: what is imported is
// required directly, and what is required directly is imported.
func TestImportsAreDirect(t *testing.T) {
	required := requirements(t)
	used := map[string]bool{}
	for _, p := range repository(t) {
		if inside(p.dir, []string{"examples"}) {
			continue // modules of their own
		}
		for _, f := range p.files {
			for _, imp := range f.imports() {
				first, _, _ := strings.Cut(imp, "/")
				if !strings.Contains(first, ".") || strings.HasPrefix(imp, module+"/") {
					continue
				}
				name := moduleOf(imp, required)
				if name == "" {
					t.Errorf("%s imports %s, which no module in go.mod holds", f.path, imp)
				}
				used[name] = true
			}
		}
	}
	for name, comment := range required {
		indirect := strings.HasPrefix(comment, "indirect")
		switch {
		case used[name] && indirect:
			t.Errorf("go.mod: %s is imported, but marked as indirect", name)
		case !used[name] && !indirect:
			t.Errorf("go.mod: %s is required directly, but nothing imports it", name)
		}
	}
}

// moduleOf returns the required module that holds an imported package, or "".
func moduleOf(imp string, required map[string]string) string {
	found := ""
	for name := range required {
		if (imp == name || strings.HasPrefix(imp, name+"/")) && len(name) > len(found) {
			found = name
		}
	}
	return found
}
