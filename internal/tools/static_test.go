package tools

import (
	"os/exec"
	"strconv"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// TestStaticProbes tests funccount on static probes that are in several places, have a
// semaphore, or share their name with another provider's.
func TestStaticProbes(t *testing.T) {
	testkit.Root(t)
	bin, err := fixture.BuildC("tests/language/programs/marks.c", "-O1", "-fno-omit-frame-pointer")
	if err != nil {
		t.Fatal(err)
	}
	const turns = 3
	dir := t.TempDir()
	all := traceIn(t, dir, "funccount", "--format", "jsonl", "u:"+bin+":*")
	some := traceIn(t, dir, "funccount", "--format", "jsonl", "-r", "u:"+bin+":^(none|watched)$")
	if err := exec.Command(bin, strconv.Itoa(turns)).Run(); err != nil {
		t.Fatal(err)
	}
	counts := map[any]float64{}
	for _, row := range rows(t, interrupt(t, all)) {
		counts[row["func"]] += row["count"].(float64)
	}
	want := map[string]float64{"several": 2*turns + 1, "kinds": turns, "memory": turns, "constants": 2 * turns, "none": turns, "watched": turns}
	for name, count := range want {
		if counts[name] != count {
			t.Errorf("%s: counted %v, want %v", name, counts[name], count)
		}
	}
	if len(counts) != len(want) {
		t.Errorf("counted %v, want %v", counts, want)
	}
	if got := rows(t, interrupt(t, some)); len(got) != 2 || got[0]["count"] != float64(turns) || got[1]["count"] != float64(turns) {
		t.Errorf("of two counted %v, want %d of each", got, turns)
	}
}
