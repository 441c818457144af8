package rpc

import "testing"

// TestTabled tests which place the table gives for a version, and where it says that
// this is a guess.
func TestTabled(t *testing.T) {
	const module = "google.golang.org/grpc"
	f := Fact{Struct: module + "/internal/transport.Stream", Field: "header"} // at 224 in 1.68, not there in 1.72
	for has, want := range map[string]struct {
		off       uint64
		of        string
		guess, ok bool
	}{
		"v1.60.0": {224, "v1.60.0", false, true}, "v1.65.3": {224, "v1.64.0", false, true}, "v1.68.0": {224, "v1.68.0", false, true},
		"v1.70.0": {224, "v1.68.0", true, true}, "v1.72.0": {0, "v1.72.0", false, false}, "v1.78.0-dev": {0, "v1.76.0", false, false},
		"v1.20.0": {224, "v1.60.0", true, true}, "(devel)": {0, "v1.85.0", true, false}, "v1.99.0": {0, "v1.85.0", true, false}, "": {0, "v1.85.0", true, false},
	} {
		off, of, guess, ok := f.Tabled(func(string) string { return has })
		if off != want.off || of != want.of || guess != want.guess || ok != want.ok {
			t.Errorf("version %q: %d of %s, a guess: %v, there: %v; want %+v", has, off, of, guess, ok, want)
		}
	}
	if _, _, _, ok := (Fact{Struct: "main.Nothing", Field: "x"}).Tabled(func(string) string { return "v1.0.0" }); ok {
		t.Error("a field that is not in the table has a place")
	}
}
