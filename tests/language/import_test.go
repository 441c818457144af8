package language

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestImport runs a script that imports a folder and a header.
func TestImport(t *testing.T) {
	testkit.Root(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.bt":     "import \"lib\";\nimport \"t.h\";\nbegin { print(twice(LIMIT)); print(sizeof(struct pair)); print(GREEN); @m[1] = add(2, 3); errorf(\"here\") }\n",
		"lib/calc.bt": "macro twice(x) { x * 2 }\nfn add($a : int64, $b : int64) : int64 { return $a + $b; }\nbegin {\n  warnf(\"first\") }\n",
		"t.h":         "#ifndef T_H\n#define T_H\n#define LIMIT 21\ntypedef unsigned short u16_t;\nstruct pair { u16_t a; void (*fn)(struct pair *); };\nenum color { RED, GREEN };\n#endif\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := testkit.RunCLI(t, "run", "-q", filepath.Join(dir, "main.bt"))
	if got := strings.TrimSpace(r.Stdout); got != "42\n16\nGREEN\n\n\n@m[1]: 5" || r.Code != 0 {
		t.Errorf("status %d, prints\n%s\n%s", r.Code, got, r.Stderr)
	}
	want := filepath.Join(dir, "lib/calc.bt") + ":4:3-17: WARNING: first\n" + filepath.Join(dir, "main.bt") + ":3:"
	if !strings.Contains(r.Stderr, want) {
		t.Errorf("no %q in\n%s", want, r.Stderr)
	}
}
