package language

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// seven is a socket filter with types that returns 7.
func seven(t *testing.T) (p *ebpf.Program, id ebpf.ProgramID) {
	t.Helper()
	word := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	skb := &btf.Struct{Name: "__sk_buff", Size: 4, Members: []btf.Member{{Name: "len", Type: &btf.Int{Name: "u32", Size: 4}}}}
	fn := &btf.Func{Name: "seven", Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: word, Params: []btf.FuncParam{{Name: "skb", Type: &btf.Pointer{Target: skb}}},
	}}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "seven", Type: ebpf.SocketFilter, License: "GPL",
		Instructions: asm.Instructions{btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 7).WithSymbol("seven"), fn), asm.Return()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	info, err := p.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ = info.ID()
	return p, id
}

// TestProgramsOfTheKernel probes an eBPF program, by its name and by its id.
func TestProgramsOfTheKernel(t *testing.T) {
	testkit.Root(t)
	for _, id := range []kernel.FeatureID{kernel.FeatureMemlock, kernel.FeatureFentry} { // the first raises the limit
		testkit.Need(t, facts.Require(id))
	}
	p, id := seven(t)
	script := fmt.Sprintf("fexit:bpf:seven { @[probe, retval] = count(); } fentry:bpf:%d:sev* { @in[probe, args.skb != 0] = count(); }", id)
	trace := testkit.StartCLI(t, "run", "-e", script)
	trace.WaitAttached()
	for range 5 {
		if _, err := p.Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil {
			t.Fatal(err)
		}
	}
	if code := trace.Stop(os.Interrupt); code != 0 {
		t.Errorf("status %d", code)
	}
	want := fmt.Sprintf(`@\[fexit:bpf:%[1]d:seven, 7\]: 5\n@in\[fentry:bpf:%[1]d:seven, (true|1)\]: 5`, id)
	if got := trace.Stdout.Text(); !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("got\n%s%s\nwant %s", got, trace.Stderr.Text(), want)
	}
}
