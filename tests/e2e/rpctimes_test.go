package e2e

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestRPCXServedTimes tests a script that wants nothing but how long a server's calls take:
// it counts each call once, and as long as others find it, whatever ends it.
func TestRPCXServedTimes(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct {
		name  string
		serve []string
		call  []string
		build rpcxBuild
		quick bool // that all calls take less than a second
		full  bool // takes long
	}{
		{name: "plain", build: rpcxBuild{noposts: true}, call: []string{"-n", "10", "-inflight", "10"}},
		{name: "async pool", build: rpcxBuild{noposts: true}, serve: []string{"-async", "-pool"}, call: []string{"-n", "10", "-inflight", "10"}},
		{name: "rpcx 1.8", full: true, build: rpcxBuild{noposts: true, modfile: "rpcx1.8.mod", strip: true}, call: []string{"-n", "10", "-inflight", "10"}},
		{name: "rpcx 1.7.7", full: true, build: rpcxBuild{noposts: true, modfile: "rpcx1.7.7.mod"}, call: []string{"-n", "10", "-inflight", "10", "-kinds", kindsOf17}},
		{name: "rpcx 1.7.5", full: true, build: rpcxBuild{noposts: true, modfile: "rpcx1.7.5.mod"}, call: []string{"-n", "10", "-inflight", "10", "-kinds", kindsOf17}},
		{name: "plugin", serve: []string{"-pause", "1s"}, call: []string{"-n", "3", "-inflight", "9", "-kinds", "function,route,fail"}, quick: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.full {
				beyondCI(t)
			}
			path := c.build.path(t)
			script := "rpc:" + strconv.Quote(path) + `:server /rpc.framework == "rpcx"/ { @[rpc.service, rpc.method] = hist(rpc.duration);
				@most[rpc.service, rpc.method] = max(rpc.duration); }`
			sites := testkit.RunCLI(t, "run", "-d", "sites", "-e", script).Stdout
			if strings.Contains(sites, "LimitedPool") == c.build.noposts {
				t.Errorf("a plugin that waits for responses: %t, but the probes are\n%s", !c.build.noposts, sites)
			}
			server, client := pair(t, path, c.serve, c.call)
			tracer := traceRun(t, script, "-f", "json")
			truths := callThrough(t, client)
			leave(t, server)
			maps := finishMaps(t, tracer)
			lossless(t, tracer)
			compareTimes(t, truths, maps, c.quick)
		})
	}
}

func compareTimes(t *testing.T, truths []truth, maps mapValues, quick bool) {
	t.Helper()
	want, got, longest := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, w := range truths {
		key := w.Service + "," + w.Method
		want[key]++
		longest[key] = max(longest[key], delays[w.Kind])
	}
	for key := range maps["@"] {
		got[key] = maps.total("@", key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for key, least := range longest {
		var most int64
		if err := json.Unmarshal(maps["@most"][key], &most); err != nil || most < least {
			t.Errorf("%s took %d ns at most (%v), its handler waited %d", key, most, err, least)
		}
		if quick && most >= 1e9 {
			t.Errorf("%s took %d ns: the plugin that waits when the response has been written is no part of it", key, most)
		}
	}
	if !slices.ContainsFunc(truths, func(w truth) bool { return w.Error != "" }) {
		t.Error("no call has failed")
	}
}
