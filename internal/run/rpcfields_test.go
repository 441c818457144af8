package run

import (
	"testing"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// TestTimed tests which probes do nothing about a call without a duration.
func TestTimed(t *testing.T) {
	for body, want := range map[string]bool{
		`{ @ = hist(rpc.duration); }`: true,
		`{ @[rpc.method] = hist(rpc.duration / 1000); @n[pid] = max(5 + rpc.duration); }`: true,
		`/rpc.method == "Mul"/ { @ = stats(rpc.duration); }`:                              true,
		`{ @ = count(); }`:                                          false,
		`{ @ = hist(rpc.start); }`:                                  false,
		`{ @ = hist(rpc.duration); @n = count(); }`:                 false,
		`{ @ = rpc.duration; }`:                                     false,
		`{ print(rpc.duration); }`:                                  false,
		`{ @ = hist(rpc.oneway ? 5 : rpc.duration); }`:              false,
		`{ @ = sum(rpc.oneway || rpc.duration); }`:                  false,
		`{ if (rpc.oneway) { @n = count(); } }`:                     false,
		`{ @[@n++] = hist(rpc.duration); }`:                         false,
		`/@n++ < 5/ { @ = hist(rpc.duration); }`:                    false,
		`/seen(rpc.method)/ { @ = hist(rpc.duration); }`:            false,
		`{ @ = hist({ @n = count(); rpc.duration }); }`:             false,
		`{ @ = hist(rpc.duration); } macro hist(d) { print(d); 1 }`: false,
	} {
		diags := diag.NewList(&diag.Source{Name: "test", Text: "rpc:*:client " + body})
		file := syntax.Parse(diags.Source, diags)
		if err := diags.Err(); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got := timed(file, file.Probes()[0]); got != want {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
}
