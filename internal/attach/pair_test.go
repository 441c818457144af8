package attach

import (
	"net"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// connecting counts in the map count the connections that this process asks for, each
// once if no hit is missed or seen twice.
func connecting() *codegen.Object {
	const newstate, synSent = 2 * 8, 2
	return &codegen.Object{Spec: &ebpf.ProgramSpec{Name: "connecting", Type: ebpf.RawTracepoint, License: "GPL", Instructions: asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, newstate, asm.DWord),
		asm.JNE.Imm(asm.R1, synSent, "exit"),
		asm.FnGetCurrentPidTgid.Call(),
		asm.RSh.Imm(asm.R0, 32),
		asm.JNE.Imm(asm.R0, int32(os.Getpid()), "exit"),
		asm.LoadMapValue(asm.R1, 0, 0).WithReference("count"),
		asm.Mov.Imm(asm.R2, 1),
		asm.StoreXAdd(asm.R1, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("exit"),
		asm.Return(),
	}}}
}

// A hit runs the unit's program once, whichever of the two has a turn.
func TestPair(t *testing.T) {
	testkit.Root(t)
	point := &prog.Point{Kind: prog.KindRawTracepoint, Provider: "rawtracepoint", Func: "inet_sock_set_state"}
	plan := &lower.Unit{Name: "connecting", Kind: prog.KindRawTracepoint, Point: point, Nests: true,
		Bodies: []*prog.Body{{Group: &prog.Group{Point: point, Funcs: []prog.Func{{Name: point.Func}}}}}}
	session, err := NewSession(kernel.Detect(), map[string]*ebpf.MapSpec{"count": {Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	u, err := session.Load(plan, connecting())
	if err != nil {
		t.Fatal(err)
	}
	session.Add(u)
	if err := u.Attach(); err != nil {
		t.Fatal(err)
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	const connections = 20
	connect := func(who string) {
		t.Helper()
		var before, after uint64
		if err := session.Map("count").Lookup(uint32(0), &before); err != nil {
			t.Fatal(err)
		}
		for range connections {
			c, err := net.Dial("tcp", server.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		if err := session.Map("count").Lookup(uint32(0), &after); err != nil {
			t.Fatal(err)
		}
		if after-before != connections {
			t.Errorf("%s: %d runs for %d connections", who, after-before, connections)
		}
	}
	saved := func() (n uint64) {
		var perCPU []hits
		if err := u.pair.hits.Lookup(uint32(0), &perCPU); err != nil {
			t.Fatal(err)
		}
		for _, h := range perCPU {
			n += h.Saved
		}
		return n
	}
	connect("both")
	before := saved()
	if err := u.links[0].Close(); err != nil {
		t.Fatal(err)
	}
	u.links = u.links[1:]
	connect("the second")
	if n := saved() - before; n < connections {
		t.Errorf("the second has counted %d hits that the first missed, there were %d or more", n, connections)
	}
	if n, err := u.Missed(); err != nil || n != 0 {
		t.Errorf("%d hits missed, %v", n, err)
	}
}
