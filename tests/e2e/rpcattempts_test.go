package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// attempt is a side of a call with what ties it to the call of an XClient, or such a
// call.
type attempt struct {
	Side, Status string
	Error        string
	Attempt      int
	Attempts     *int
	Span         string `json:"span_id"`
	Parent       string `json:"parent_span"`
	Of           string `json:"call_span"`
	Trace        string `json:"trace_id"`
	Duration     int64
}

const attemptScript = `rpc:PATH:* { print((side=rpc.side, status=rpc.status, error=rpc.error, attempt=rpc.attempt, attempts=rpc.attempts, span_id=rpc.span_id,
	parent_span=rpc.parent_span, call_span=rpc.call_span, trace_id=rpc.trace_id, duration=rpc.duration)); }`

// TestRPCXAttempts tests which attempts a call is made of, in all ways that rpcx has to
// make several.
func TestRPCXAttempts(t *testing.T) {
	testkit.Root(t)
	const names = "failtry,failbackup,broadcast,fork,inform,several,raw,nobody,forks"
	for _, b := range []rpcxBuild{{}, {modfile: "rpcx1.8.mod"}, {strip: true}} {
		t.Run(b.String(), func(t *testing.T) {
			if b.strip {
				beyondCI(t)
			}
			path := copied(t, b.path(t))
			target := start(t, path, "feature", "-name", names)
			tracer := testkit.StartCLI(t, "run", "-f", "json", "--max-overhead", "none", "-e", strings.ReplaceAll(attemptScript, "PATH", strconv.Quote(path)))
			tracer.Stdout.WaitLine(`"attached_probes"`)
			target.Send("go")
			target.Stdout.WaitLine(`^done$`)
			want := map[string]int{}
			for _, line := range target.Stdout.Lines() {
				var n, attempts int
				var status string
				if _, err := fmt.Sscanf(line, "whole %d %d %s", &n, &attempts, &status); err == nil {
					want[fmt.Sprint(attempts, " ", status)] += n
				}
			}
			leave(t, target)
			all := values[attempt](finish(t, tracer))
			lossless(t, tracer)
			if diff := cmp.Diff(want, joinAttempts(t, all)); diff != "" {
				t.Error(diff)
			}
			texts := map[string]int{}
			for _, a := range all {
				if a.Attempts != nil && strings.HasPrefix(a.Error, "[") {
					texts[a.Error]++
				}
			}
			if diff := cmp.Diff(map[string]int{"[not here]": 1, "[not here not here]": 1}, texts); diff != "" {
				t.Errorf("errors of calls with several attempts: %s", diff)
			}
		})
	}
}

// joinAttempts counts calls by their attempts, which have to be there.
func joinAttempts(t *testing.T, all []attempt) map[string]int {
	t.Helper()
	numbers, byID := map[string][]int{}, map[string]attempt{}
	for _, a := range all {
		byID[a.Span] = a
		if a.Attempt > 0 {
			numbers[a.Of] = append(numbers[a.Of], a.Attempt)
		}
	}
	got := map[string]int{}
	for _, a := range all {
		of := byID[a.Of]
		switch {
		case a.Attempts != nil:
			got[fmt.Sprint(*a.Attempts, " ", a.Status)]++
			list := numbers[a.Span]
			slices.Sort(list)
			for i := range max(*a.Attempts, len(list)) {
				if len(list) != *a.Attempts || list[i] != i+1 {
					t.Errorf("%+v has the attempts %v", a, list)
					break
				}
			}
		case a.Side == "server":
			if client := byID[a.Parent]; client.Attempt == 0 || client.Trace != a.Trace {
				t.Errorf("%+v is below %+v", a, client)
			}
		case a.Attempt == 0 || of.Attempts == nil || of.Trace != a.Trace || a.Parent != of.Parent:
			t.Errorf("%+v is an attempt at %+v", a, of)
		}
	}
	return got
}
