package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestFailures(t *testing.T) {
	output := `=== RUN   TestA
    a_test.go:1: fine
--- PASS: TestA (0.00s)
=== RUN   TestB
=== RUN   TestB/one
    b_test.go:2: got 1
        want 2
=== RUN   TestB/two
    b_test.go:3: fine
=== NAME  TestB/one
    b_test.go:4: also
--- FAIL: TestB (0.10s)
    --- FAIL: TestB/one (0.05s)
    --- PASS: TestB/two (0.05s)
=== RUN   TestC
--- FAIL: TestC (0.00s)
panic: of C
FAIL
`
	want := `--- FAIL: TestB/one
    b_test.go:2: got 1
        want 2
    b_test.go:4: also
--- FAIL: TestC
panic: of C
FAIL
`
	if got := failures(output); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var long strings.Builder
	for i := range 100 {
		fmt.Fprintf(&long, "line %d\n", i)
	}
	got := failures(long.String())
	if !strings.HasPrefix(got, "line 40\n") || !strings.HasSuffix(got, "line 99\n") {
		t.Errorf("of an output without tests:\n%s", got)
	}
}

func TestNotRun(t *testing.T) {
	const output = `=== RUN   TestA
=== RUN   TestA/newest
=== RUN   TestCases
=== RUN   TestCases/iter
=== RUN   TestCases/iter/one
--- PASS: TestA/oldest (0.05s)
`
	for run, want := range map[string]string{
		"":                                    "",
		"TestA":                               "",
		"TestA/^newest$|TestCases/^(a|iter)$": "",
		"TestA/^oldest$|TestCases":            "TestA/^oldest$",
		"TestB|TestCases/iter/two":            "TestB TestCases/iter/two",
	} {
		if got := strings.Join(notRun(run, output), " "); got != want {
			t.Errorf("of %q there is not run %q, want %q", run, got, want)
		}
	}
}
