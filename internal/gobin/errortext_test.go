package gobin

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestErrorTypes tests what the texts of the standard library's errors are made of.
func TestErrorTypes(t *testing.T) {
	want := map[string]string{
		"*errors.errorString":         "string 0",
		"*fs.PathError":               `string 0, " ", string 16, ": ", error 32`,
		"runtime.plainError":          "string 0",
		"runtime.errorString":         `"runtime error: ", string 0`,
		"*poll.DeadlineExceededError": `"i/o timeout"`,
		"*runtime.TypeAssertionError": `"*runtime.TypeAssertionError"`, // it is computed
		"syscall.Errno":               `"syscall.Errno"`,
		"*runtime.errorAddressString": `"runtime error: ", string 0`,
		"*main.refusal":               `string 16, " (", error 32, ")"`,
		"main.refusal":                `string 16, " (", error 32, ")"`,
		"*main.placed":                `string 0, ":", string 16, ":", string 32, ": ", string 48`,
		"main.around":                 "error 0",
		"*main.around":                "error 0",
		"*main.caused":                `unless 16 to 5, string 0, ": ", error 16, end, string 0`,
		"main.begun":                  "variable, string 0",
		"main.always":                 `"it is always so"`,
	}
	for _, variant := range []string{"plain", "stripped", "stripped pie", "arm64"} {
		f := openFixture(t, variant)
		all, err := f.ErrorTypes()
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, e := range all {
			text := want[e.Name]
			if text == "" {
				continue
			}
			seen++
			if got := piecesText(t, f, e.Text); got != text {
				t.Errorf("%s: %s says %s, want %s", variant, e.Name, got, text)
			}
			if hash, ok := f.TypeHash(e.Name); !ok || hash != e.Hash {
				t.Errorf("%s: hash of %s: %#x, not %#x", variant, e.Name, e.Hash, hash)
			}
		}
		if seen != len(want) {
			t.Errorf("%s: %d of %d types", variant, seen, len(want))
		}
	}
}

// TestErrorTypesLoop tests that a method whose code only asks a field for ever is not
// followed for ever, and gives the name of its type.
func TestErrorTypesLoop(t *testing.T) {
	for variant, code := range map[string][]byte{
		"plain": {0x48, 0x83, 0x38, 0x00, 0x75, 0xfe},                         // cmp qword ptr [rax], 0; jne to itself
		"arm64": {0x01, 0x00, 0x40, 0xf9, 0x01, 0x00, 0x00, 0xb5, 0, 0, 0, 0}, // ldr x1, [x0]; cbnz x1 to itself
	} {
		whole, err := os.ReadFile(fixture(t, variant))
		if err != nil {
			t.Fatal(err)
		}
		fns, err := openFixture(t, variant).GoFuncs("main.(*placed).Error")
		if err != nil {
			t.Fatal(err)
		}
		off, err := openFixture(t, variant).FileOffset(fns[0].Entry)
		if err != nil {
			t.Fatal(err)
		}
		copy(whole[off:], code)
		f, err := newFile(variant, readerAt(whole), int64(len(whole)))
		if err != nil {
			t.Fatal(err)
		}
		all, err := f.ErrorTypes()
		i := slices.IndexFunc(all, func(e ErrorType) bool { return e.Name == "*main.placed" })
		if err != nil || i < 0 || piecesText(t, f, all[i].Text) != `"*main.placed"` {
			t.Errorf("%s: %v, %d", variant, err, i)
		}
	}
}

func piecesText(t *testing.T, f *File, pieces []TextPiece) string {
	var words []string
	for _, p := range pieces {
		switch p.Kind {
		case PieceConstant:
			b, err := f.Bytes(p.Off, p.Off+p.Len)
			if err != nil {
				t.Fatal(err)
			}
			words = append(words, fmt.Sprintf("%q", b))
		case PieceGlobal:
			words = append(words, "variable")
		case PieceField:
			words = append(words, fmt.Sprint("string ", p.Off))
		case PieceChoice:
			words = append(words, fmt.Sprint("unless ", p.Off, " to ", p.Len))
		case 0:
			words = append(words, "end")
		case PieceError:
			words = append(words, fmt.Sprint("error ", p.Off))
		}
	}
	return strings.Join(words, ", ")
}
