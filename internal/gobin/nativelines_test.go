package gobin

import (
	"bufio"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// addr2line says what binutils makes of addresses: a line "function file:line"
// a frame.
func addr2line(t *testing.T, bin string, pcs []uint64) [][]string {
	t.Helper()
	args := []string{"-e", bin, "-a", "-f", "-i", "-C"}
	for _, pc := range pcs {
		args = append(args, fmt.Sprintf("%#x", pc))
	}
	out, err := exec.Command("addr2line", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	fn := ""
	for sc := bufio.NewScanner(strings.NewReader(string(out))); sc.Scan(); {
		switch line, _, _ := strings.Cut(sc.Text(), " (discriminator"); {
		case strings.HasPrefix(line, "0x"):
			all = append(all, nil)
		case fn == "":
			fn = line
		default:
			all[len(all)-1] = append(all[len(all)-1], fn+" "+path.Clean(line))
			fn = ""
		}
	}
	return all
}

// TestNativeLines compares the frames at all addresses of compiled functions
// with what addr2line says.
func TestNativeLines(t *testing.T) {
	for _, flags := range [][]string{{"-g", "-O1"}, {"-g", "-O2"}, {"-g", "-O2", "-gdwarf-4"}, {"-g", "-O0"}, {"-g", "-O2", "-gz"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			bin := buildNative(t, "lines.c", flags...)
			f, err := Open(bin)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			fns, err := f.Match(func(name string) bool { return strings.HasPrefix(name, "line_") || name == "main" })
			if err != nil || len(fns) < 3 {
				t.Fatalf("%d functions, %v", len(fns), err)
			}
			var pcs []uint64
			for _, fn := range fns {
				for pc := fn.Entry; pc < fn.End; pc++ {
					pcs = append(pcs, pc)
				}
			}
			want := addr2line(t, bin, pcs)
			inlined := 0
			for i, pc := range pcs {
				var got []string
				for _, fr := range f.Lookup(pc) {
					name, _, _ := strings.Cut(fr.Func, " [clone") // what addr2line leaves out
					got = append(got, fmt.Sprintf("%s %s:%d", name, fr.File, fr.Line))
					if fr.Inlined {
						inlined++
					}
				}
				if diff := cmp.Diff(want[i], got); diff != "" {
					t.Errorf("%#x: %s", pc, diff)
				}
			}
			if inlined == 0 && flags[1] != "-O0" {
				t.Error("nothing is inlined")
			}
		})
	}
}

// buildNative compiles a program of testdata/native.
func buildNative(t testing.TB, source string, flags ...string) string {
	t.Helper()
	compiler := "gcc"
	if strings.HasSuffix(source, ".cc") {
		compiler = "g++"
	}
	return compiled(t, compiler, source, flags...)
}

// compiled is buildNative by a compiler of another architecture.
func compiled(t testing.TB, compiler, source string, flags ...string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), strings.TrimSuffix(source, filepath.Ext(source)))
	out, err := exec.Command(compiler, append(flags, "-o", bin, filepath.Join("testdata/native", source))...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", compiler, flags, err, out)
	}
	return bin
}
