package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rpcxray/rpcxray/internal/events"
)

// ANSI colours of tests.
const (
	passColor = "\x1b[32m"
	failColor = "\x1b[31m"
	noColor   = "\x1b[0m"
)

// The words before the lines of tests.
const (
	wordLine   = "==========]"
	wordRun    = " RUN      ]"
	wordOK     = "       OK ]"
	wordPassed = "  PASSED  ]"
	wordFailed = "  FAILED  ]"
)

// appendSuite appends the lines of tests as googletest has them, and the rows of
// benchmarks.
func appendSuite(dst []byte, e events.Event, color bool) []byte {
	line := func(word, format string, args ...any) {
		text := "[" + word
		switch {
		case color && word == wordFailed:
			text = failColor + text + noColor
		case color:
			text = passColor + text + noColor
		}
		dst = append(dst, text+" "+fmt.Sprintf(format, args...)+"\n"...)
	}
	switch e := e.(type) {
	case *events.Suite:
		if e.Bench {
			dst = append(dst, benchRow("Benchmark", "Time(ns)", "Iterations")...)
			return append(dst, strings.Repeat("-", benchWidth)+"\n"...)
		}
		line(wordLine, "Running %d tests.", e.Count)
	case *events.Case:
		line(wordRun, "%s", e.Name)
	case *events.Outcome:
		word := wordOK
		if !e.Passed {
			dst = append(dst, e.Output...)
			word = wordFailed
		}
		line(word, "%s (%s)", e.Name, tookText(e.Took))
	case *events.Measure:
		return append(dst, benchRow(e.Name, strconv.FormatInt(e.Average, 10), strconv.Itoa(e.Runs))...)
	case *events.SuiteEnded:
		line(wordLine, "%s ran.", testCount(e.Passed+len(e.Failed)))
		line(wordPassed, "%s.", testCount(e.Passed))
		if len(e.Failed) > 0 {
			line(wordFailed, "%s, listed below:", testCount(len(e.Failed)))
		}
		for _, name := range e.Failed {
			line(wordFailed, "%s", name)
		}
	}
	return dst
}

// Columns of benchmarks.
const (
	benchName  = 41
	benchTime  = 15
	benchWidth = benchName + benchTime + len("Iterations")
)

func benchRow(name, ns, runs string) string {
	return fmt.Sprintf("%-*s%-*s%s\n", benchName, name, benchTime, ns, runs)
}

func testCount(n int) string {
	if n == 1 {
		return "1 test"
	}
	return fmt.Sprintf("%d tests", n)
}

// tookText is a duration in the largest unit of which there is one.
func tookText(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%d s", d/time.Second)
	case d >= time.Millisecond:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	case d >= time.Microsecond:
		return fmt.Sprintf("%d μs", d/time.Microsecond)
	}
	return fmt.Sprintf("%d ns", d)
}

func appendJSONOutcome(dst []byte, e *events.Outcome) []byte {
	dst = append(dst, '{')
	dst = appendJSONString(dst, []byte(e.Name))
	dst = fmt.Appendf(dst, `: {"duration": %d, "passed": %t, "output": `, e.Took, e.Passed)
	dst = appendJSONString(dst, []byte(e.Output))
	return append(dst, "}}"...)
}

func appendJSONMeasure(dst []byte, e *events.Measure) []byte {
	dst = append(dst, '{')
	dst = appendJSONString(dst, []byte(e.Name))
	return fmt.Appendf(dst, `: {"average": %d, "iters": %d}}`, e.Average, e.Runs)
}
