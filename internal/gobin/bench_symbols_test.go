package gobin

import (
	"os"
	"testing"
)

// BenchmarkFuncs lists the functions of a binary, from opening it on: of
// $GOBIN_BENCH_BINARY (a 100 MB one takes less than 1 s and 150 MB), else of
// the fixture.
func BenchmarkFuncs(b *testing.B) {
	path := os.Getenv("GOBIN_BENCH_BINARY")
	if path == "" {
		path = fixture(b, "plain")
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		f, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		fns, err := f.Funcs()
		if err != nil {
			b.Fatal(err)
		}
		n = len(fns)
		f.Close()
	}
	b.ReportMetric(float64(n), "functions")
}

func BenchmarkLookup(b *testing.B) {
	f := openFixture(b, "plain")
	fns, err := f.Funcs()
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		fn := fns[i%len(fns)]
		if f.Lookup(fn.Entry+fn.Size()/2) == nil {
			b.Fatal(fn.Name)
		}
		i++
	}
}
