package main

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestAbbreviations(t *testing.T) {
	fl := pflag.NewFlagSet("bpftrace", pflag.ContinueOnError)
	for _, name := range []string{"pid", "probe-filter", "quiet", "test", "tester"} {
		fl.Bool(name, false, "")
	}
	full := abbreviations(fl)
	for given, want := range map[string]string{
		"pid": "pid", "q": "quiet", "quie": "quiet", "pr": "probe-filter", "p": "p", "test": "test", "nosuch": "nosuch",
	} {
		if got := string(full(fl, given)); got != want {
			t.Errorf("--%s is --%s, want --%s", given, got, want)
		}
	}
}
