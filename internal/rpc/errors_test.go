package rpc

import (
	"maps"
	"testing"
)

// TestErrorPieces tests that the table has room for what stands before pieces, and that
// choices lead on, or to the end.
func TestErrorPieces(t *testing.T) {
	all := ErrorTexts()
	maps.Copy(all, AddressTexts())
	for typ, pieces := range all {
		for i, p := range pieces {
			if len(p.Before) >= BeforeSize || p.To != 0 && (p.To == i || p.To > len(pieces)) {
				t.Errorf("%s: piece %d: %+v", typ, i, p)
			}
		}
	}
	for _, k := range NamedKinds() {
		names := NumberNames(k)
		for n, name := range names {
			if name == "" || len(name) >= BeforeSize {
				t.Errorf("kind %d: %d is %q", k, n, name)
			}
		}
		if len(names) == 0 || k.Size() == 0 {
			t.Errorf("kind %d: %d names of %d bytes", k, len(names), k.Size())
		}
	}
}
