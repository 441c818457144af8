package language

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

const suiteScript = `test:ok { @x = 1; } test:counts { @x++; if (@x != 2) { return 1; } }
test:returns { print("hi"); return 3; } test:asserts { assert(1 == 2, "boom 100%"); @never = 1; }
test:errs { errorf("bad %d", 3); } test:ends { exit(0); @never = 1; } test:status { exit(2); } test:prints { print("quiet"); return 0; }
bench:nothing { } bench:adds { @n++; print(@n); }
begin { print("begin"); } end { print(@x); print("end"); }`

func TestSuite(t *testing.T) {
	testkit.Root(t)
	r := testkit.RunCLI(t, "run", "--test", "-e", suiteScript)
	want := `[==========] Running 8 tests.
[ RUN      ] ok
[       OK ] ok (T)
[ RUN      ] counts
[       OK ] counts (T)
[ RUN      ] returns
hi
[  FAILED  ] returns (T)
[ RUN      ] asserts
stdin:2:56-83: ERROR: assert failed: boom 100%
[  FAILED  ] asserts (T)
[ RUN      ] errs
stdin:3:13-32: ERROR: bad 3
[  FAILED  ] errs (T)
[ RUN      ] ends
[       OK ] ends (T)
[ RUN      ] status
[  FAILED  ] status (T)
[ RUN      ] prints
[       OK ] prints (T)
[==========] 8 tests ran.
[  PASSED  ] 4 tests.
[  FAILED  ] 4 tests, listed below:
[  FAILED  ] returns
[  FAILED  ] asserts
[  FAILED  ] errs
[  FAILED  ] status
@x: 2
end`
	got := strings.TrimSpace(regexp.MustCompile(`\(\d+ (s|ms|μs|ns)\)`).ReplaceAllString(r.Stdout, "(T)"))
	if got != want || r.Code != 1 {
		t.Errorf("status %d, prints\n%s\nwant\n%s\n%s", r.Code, got, want, r.Stderr)
	}
}

func TestSuiteAsJSON(t *testing.T) {
	testkit.Root(t)
	r := testkit.RunCLI(t, "run", "--mode", "test", "-f", "json", "-e", `test:a { } test:b { print("x"); return 1; }`)
	want := `{"type": "test_result", "data": {"a": {"duration": N, "passed": true, "output": ""}}}
{"type": "test_result", "data": {"b": {"duration": N, "passed": false, "output": "x\n"}}}
`
	if got := regexp.MustCompile(`"duration": \d+`).ReplaceAllString(r.Stdout, `"duration": N`); got != want || r.Code != 1 {
		t.Errorf("status %d, prints\n%s\nwant\n%s\n%s", r.Code, got, want, r.Stderr)
	}
}

func TestBenchmarks(t *testing.T) {
	testkit.Root(t)
	r := testkit.RunCLI(t, "run", "--bench", "-e", suiteScript)
	want := regexp.MustCompile(`^Benchmark {32}Time\(ns\) {7}Iterations
-{66}
nothing {34}\d+ +\d+
adds {37}\d+ +\d+
`)
	if !want.MatchString(r.Stdout) || r.Code != 0 || strings.Contains(r.Stdout, "begin") {
		t.Errorf("status %d, prints\n%s\n%s", r.Code, r.Stdout, r.Stderr)
	}
	r = testkit.RunCLI(t, "run", "--bench", "-f", "json", "-e", `bench:a { @n++; }`)
	var line struct {
		Type string
		Data map[string]struct{ Average, Iters int }
	}
	if err := json.Unmarshal([]byte(r.Stdout), &line); err != nil || line.Type != "benchmark_result" || line.Data["a"].Average < 1 || line.Data["a"].Iters < 64 {
		t.Errorf("%v: %s", err, r.Stdout)
	}
}

// TestModes are the other modes, and tests without one.
func TestModes(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct {
		args           string
		stdout, stderr string
		code           int
	}{
		{"--mode format", "begin {\n\tprint(1);\n}\n", "", 0},
		{"--mode codegen", "", "", 0},
		{"--mode compiler-bench", "parse ", "", 0},
		{"--mode nosuch", "", "it is one of codegen, compiler-bench, bench, test, format", 1},
		{"", "1\n", "", 0},
	} {
		r := testkit.RunCLI(t, append(strings.Fields("run -q "+c.args), "-e", "begin { print(1) }")...)
		if !strings.HasPrefix(r.Stdout, c.stdout) || !strings.Contains(r.Stderr, c.stderr) || r.Code != c.code {
			t.Errorf("%q: status %d, prints\n%s\n%s", c.args, r.Code, r.Stdout, r.Stderr)
		}
	}
	r := testkit.RunCLI(t, "run", "-e", "test:a { }")
	if r.Code != 1 || !strings.Contains(r.Stderr, "use --test to run test probes") {
		t.Errorf("status %d: %s", r.Code, r.Stderr)
	}
}
