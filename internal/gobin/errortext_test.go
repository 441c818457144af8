package gobin

import (
	"fmt"
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
