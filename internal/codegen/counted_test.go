package codegen

import (
	"encoding/binary"
	"testing"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// TestUnknownTurns runs loops of which the verifier does not see the end, on a kernel
// without bpf_loop: what they make too many turns for is counted, and only that.
func TestUnknownTurns(t *testing.T) {
	in := mapOf("@in", types.TUint64, types.TInt64)
	wanted := func() prog.Expr { return get(in, u64(0), types.TInt64) }
	i, n := &prog.Var{Type: types.TInt64}, &prog.Var{Type: types.TInt64}
	more := setVar(n, bin(prog.Add, ref(n), i64(1)))
	while := &prog.While{At: at(), Cond: bin(prog.Lt, ref(n), wanted()), Body: []prog.Stmt{more}}
	forRange := &prog.ForRange{At: at(), Var: i, Lo: i64(0), Hi: wanted(), Body: []prog.Stmt{more}}
	for name, loop := range map[string]prog.Stmt{"while": while, "for": forRange} {
		t.Run(name, func(t *testing.T) {
			has := machine(t)
			target := Target{Arch: has.Arch, CPUs: has.CPUs} // the oldest kernel's
			p, u := script(prog.KindBegin, []*prog.Map{in}, setVar(n, i64(0)), loop, printf(1, ref(n)))
			l := loadUnit(t, p, u, target)
			turns := func(asked int64) (made int64, bounded uint64) {
				t.Helper()
				before := l.losses()[prog.LossBounded]
				if err := l.coll.Maps["@in"].Put(uint64(0), asked); err != nil {
					t.Fatal(err)
				}
				l.run()
				records := l.records()
				last := records[len(records)-1]
				return int64(binary.LittleEndian.Uint64(last[len(last)-8:])), l.losses()[prog.LossBounded] - before
			}
			most, lost := turns(1 << 30)
			if most < 100 || most >= 1<<30 || lost != 1 {
				t.Fatalf("of 2^30 turns %d were made, %d loops ended early", most, lost)
			}
			for _, asked := range []int64{0, 10, most} {
				if made, lost := turns(asked); made != asked || lost != 0 {
					t.Errorf("of %d turns %d were made, %d loops ended early", asked, made, lost)
				}
			}
			if made, lost := turns(most + 1); made != most || lost != 1 {
				t.Errorf("of %d turns %d were made, %d loops ended early", most+1, made, lost)
			}
		})
	}
}
