package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/types"
)

// btfBlob writes BTF by hand; ids count from 1.
type btfBlob struct {
	types   []byte
	strings []byte
}

func (b *btfBlob) str(s string) uint32 {
	if len(b.strings) == 0 {
		b.strings = []byte{0}
	}
	if s == "" {
		return 0
	}
	b.strings = append(append(b.strings, s...), 0)
	return uint32(len(b.strings) - len(s) - 1)
}

func (b *btfBlob) add(name string, kind, vlen int, size uint32, rest ...uint32) {
	for _, word := range append([]uint32{b.str(name), uint32(kind)<<24 | uint32(vlen), size}, rest...) {
		b.types = le.AppendUint32(b.types, word)
	}
}

func (b *btfBlob) bytes() []byte {
	b.str("")
	out := []byte{0x9f, 0xeb, 1, 0}
	for _, word := range []int{24, 0, len(b.types), len(b.types), len(b.strings)} {
		out = le.AppendUint32(out, uint32(word))
	}
	return slices.Concat(out, b.types, b.strings)
}

const kindFlag = 1 << 7 // of the byte that holds the kind

// sampleBTF is: 1 int; 2 node*; 3 struct node { int a:3, b:7; node *next; buf[2] }
// with 4 int[2]; 5 typedef struct {int x} pair_t (6); 7 pair_t*; 8 enum; 9
// user-tagged int*; 11 the raw tracepoint "hit" of void*, node* (12, 13, 14).
func sampleBTF() []byte {
	b := &btfBlob{}
	b.add("int", kindInt, 0, 4, 1<<24|32)
	b.add("", kindPtr, 0, 3)
	b.add("node", kindStruct|kindFlag, 4, 24, b.str("a"), 1, 3<<24, b.str("b"), 1, 7<<24|3, b.str("next"), 2, 64, b.str("buf"), 4, 128)
	b.add("", kindArray, 0, 0, 1, 1, 2)
	b.add("pair_t", kindTypedef, 0, 6)
	b.add("", kindStruct, 1, 4, b.str("x"), 1, 0)
	b.add("", kindPtr, 0, 5)
	b.add("color", kindEnum|kindFlag, 2, 4, b.str("RED"), 7, b.str("MINUS"), 0xffffffff)
	b.add("", kindPtr, 0, 10)
	b.add("user", kindTypeTag, 0, 1)
	b.add("btf_trace_hit", kindTypedef, 0, 12)
	b.add("", kindPtr, 0, 13)
	b.add("", kindFuncProto, 2, 0, 0, 14, b.str("n"), 2)
	b.add("", kindPtr, 0, 0)
	b.add("holder", kindStruct, 2, 16, b.str("pair"), 7, 0, b.str("user"), 9, 64)
	return b.bytes()
}

func TestBTFTypes(t *testing.T) {
	b, err := parseBTF(sampleBTF(), nil)
	if err != nil {
		t.Fatal(err)
	}
	node, err := b.Struct("node")
	if err != nil {
		t.Fatal(err)
	}
	stub := &types.Type{Kind: types.Struct, Name: "struct node", Size: 24}
	want := &types.Type{Kind: types.Struct, Name: "struct node", Size: 24, Fields: []types.Field{
		{Name: "a", Type: types.TInt32, BitSize: 3},
		{Name: "b", Type: types.TInt32, BitOff: 3, BitSize: 7},
		{Name: "next", Type: types.PointerTo(stub, types.SpaceKernel), Offset: 8},
		{Name: "buf", Type: types.ArrayOf(types.TInt32, 2), Offset: 16},
	}}
	if diff := cmp.Diff(want, node); diff != "" {
		t.Errorf("struct node (-want +got):\n%s", diff)
	}
	if full, err := b.Resolve(node.Fields[2].Type.Elem); err != nil || full != node {
		t.Errorf("what next points to is %v, %v; want struct node itself", full, err)
	}
	holder, err := b.TypeByName("struct holder")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := b.Resolve(holder.Fields[0].Type.Elem)
	if err != nil || pair.Name != "pair_t" || len(pair.Fields) != 1 || pair.Fields[0].Name != "x" {
		t.Errorf("what pair points to is %+v, %v", pair, err)
	}
	if got := holder.Fields[1].Type; got.Space != types.SpaceUser || !types.Equal(got.Elem, types.TInt32) {
		t.Errorf("a pointer with the tag user is %v in space %d", got, got.Space)
	}
	params, err := b.RawTracepoint("hit")
	if err != nil || len(params) != 1 || params[0].CType != "struct node *" || params[0].Name != "n" {
		t.Errorf("raw tracepoint: %+v, %v", params, err)
	}
	if got := b.RawTracepoints(); !slices.Equal(got, []string{"hit"}) {
		t.Errorf("raw tracepoints %q", got)
	}
	for name, want := range map[string]int64{"RED": 7, "MINUS": -1} {
		got, enum, err := b.EnumConstant(name)
		if err != nil || got != want || enum.Name != "enum color" || len(enum.Enum) != 2 {
			t.Errorf("%s is %d of %+v, %v; want %d of enum color", name, got, enum, err, want)
		}
	}
}

func TestBTFNotFound(t *testing.T) {
	b, err := parseBTF(sampleBTF(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err1 := b.Struct("nodes")
	_, err2 := b.Struct("int")
	_, err3 := b.TypeByName("union node")
	_, err4 := b.RawTracepoint("miss")
	_, err5 := b.FuncProto("f")
	_, _, err6 := b.EnumConstant("GREEN")
	_, err7 := b.TypeByName("")
	for i, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
		if !errors.Is(err, ErrNoType) {
			t.Errorf("lookup %d: %v, want %v", i+1, err, ErrNoType)
		}
	}
	alone := &types.Type{Kind: types.Struct, Name: "struct unknown"}
	if got, err := b.Resolve(alone); err != nil || got != alone {
		t.Errorf("a struct that is only declared resolves to %v, %v", got, err)
	}
}

func TestSplitBTF(t *testing.T) {
	base, err := parseBTF(sampleBTF(), nil)
	if err != nil {
		t.Fatal(err)
	}
	first := base.firstID + uint32(len(base.offsets))
	at := uint32(len(base.strings))
	m := &btfBlob{}
	m.strings = []byte("pad\x00mod\x00n\x00")
	for _, word := range []uint32{at + 4, kindStruct<<24 | 2, 32, at + 8, first + 1, 0, 0, 3, 64} {
		m.types = le.AppendUint32(m.types, word)
	}
	for _, word := range []uint32{0, kindPtr << 24, first} {
		m.types = le.AppendUint32(m.types, word)
	}
	b, err := parseBTF(m.bytes(), base)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := b.Struct("mod")
	if err != nil {
		t.Fatal(err)
	}
	if n := mod.Fields[0]; n.Name != "n" || n.Type.Elem.Name != "struct mod" {
		t.Errorf("first member %+v", n)
	}
	if in, ok := mod.FieldNamed("buf"); !ok || in.Offset != 24 {
		t.Errorf("member buf of the kernel's struct inside: %+v, %v", in, ok)
	}
	if _, err := b.Struct("node"); err != nil {
		t.Errorf("a type of the kernel through its module: %v", err)
	}
}

// A struct that contains itself, a typedef of itself, an array of 2^62 bytes.
func TestBTFHostile(t *testing.T) {
	loops := &btfBlob{}
	loops.add("s", kindStruct, 1, 8, loops.str("s"), 1, 0)
	loops.add("t", kindTypedef, 0, 2)
	loops.add("i", kindInt, 0, 4, 32)
	loops.add("", kindArray, 0, 0, 3, 3, 0xffffffff)
	loops.add("a", kindTypedef, 0, 6)
	loops.add("", kindArray, 0, 0, 4, 3, 0xffffffff)
	loops.add("p", kindTypedef, 0, 8)
	loops.add("", kindPtr, 0, 8)
	loops.add("v", kindTypedef, 0, 99)
	b, err := parseBTF(loops.bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"s", "t", "a", "p"} {
		if got, err := b.TypeByName(name); err == nil {
			t.Errorf("type %s is %v, want an error", name, got)
		}
	}
	if got, err := b.TypeByName("v"); err != nil || got.Kind != types.Void {
		t.Errorf("typedef of a missing type: %v, %v", got, err)
	}
	sample := sampleBTF()
	for n := range sample {
		if _, err := parseBTF(sample[:n], nil); err == nil {
			t.Errorf("%d of %d bytes were taken", n, len(sample))
		}
	}
}

func FuzzBTF(f *testing.F) {
	f.Add(sampleBTF())
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parseBTF(data, nil)
		if err != nil {
			return
		}
		for id := range uint32(len(b.offsets)) {
			if typ, err := b.convert(id+1, 0); err == nil && typ.Size < 0 {
				t.Errorf("type %d has size %d", id+1, typ.Size)
			}
			b.spell(id+1, 0)
		}
		for _, name := range b.RawTracepoints() {
			b.RawTracepoint(name)
		}
	})
}

// cilium/ebpf's reader is an independent one; both must see the same offsets,
// sizes and bit fields.
func TestBTFAgainstCilium(t *testing.T) {
	b, err := OpenBTF()
	if err != nil {
		t.Skip(err)
	}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"task_struct", "sock", "tcp_sock", "sk_buff", "file", "iphdr", "tcphdr", "mm_struct", "cred", "net_device"} {
		var want *btf.Struct
		if err := spec.TypeByName(name, &want); err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		got, err := b.Struct(name)
		if err != nil {
			t.Error(err)
			continue
		}
		compareStruct(t, "struct "+name, got, want.Members, int(want.Size))
	}
}

func compareStruct(t *testing.T, path string, got *types.Type, want []btf.Member, size int) {
	t.Helper()
	if got.Kind != types.Struct || len(got.Fields) != len(want) || got.Size != size {
		t.Errorf("%s: %v with %d members, %d bytes; want %d, %d", path, got, len(got.Fields), got.Size, len(want), size)
		return
	}
	for i, m := range want {
		f := got.Fields[i]
		at := fmt.Sprintf("%s.%s", path, m.Name)
		if f.Name != m.Name || f.Offset*8+f.BitOff != int(m.Offset) || f.BitSize != int(m.BitfieldSize) {
			t.Errorf("%s: %q at bit %d, %d bits; want %d, %d", at, f.Name, f.Offset*8+f.BitOff, f.BitSize, m.Offset, m.BitfieldSize)
		}
		if f.BitOff+f.BitSize > f.Type.Size*8 {
			t.Errorf("%s: bits %d to %d are not in a unit of %d bytes", at, f.BitOff, f.BitOff+f.BitSize, f.Type.Size)
		}
		switch u := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			compareStruct(t, at, f.Type, u.Members, int(u.Size))
		case *btf.Union:
			compareStruct(t, at, f.Type, u.Members, int(u.Size))
		default:
			if n, err := btf.Sizeof(m.Type); err == nil && n != f.Type.Size {
				t.Errorf("%s: %d bytes, want %d", at, f.Type.Size, n)
			}
		}
	}
}

func TestBTFOnThisKernel(t *testing.T) {
	b, err := OpenBTF()
	if err != nil {
		t.Skip(err)
	}
	task, err := b.Struct("task_struct")
	if err != nil {
		t.Fatal(err)
	}
	if pid, ok := task.FieldNamed("pid"); !ok || !types.Equal(pid.Type, types.TInt32) {
		t.Errorf("task_struct.pid is %+v", pid)
	}
	if comm, ok := task.FieldNamed("comm"); !ok || !types.Equal(comm.Type, types.ArrayOf(types.TInt8, 16)) {
		t.Errorf("task_struct.comm is %+v", comm)
	}
	parent, ok := task.FieldNamed("real_parent")
	if !ok || parent.Type.Kind != types.Pointer || parent.Type.Space != types.SpaceKernel || parent.Type.Elem.Size != task.Size {
		t.Errorf("task_struct.real_parent is %+v", parent)
	}
	if again, err := b.Resolve(parent.Type.Elem); err != nil || again != task {
		t.Errorf("what real_parent points to is %v, %v", again, err)
	}
	// From a tracepoint's format only the name is known.
	sock, err := b.Resolve(&types.Type{Kind: types.Struct, Name: "struct sock"})
	if err != nil || len(sock.Fields) == 0 {
		t.Errorf("struct sock by name: %v, %v", sock, err)
	}
	for name, want := range map[string]int64{"TCP_ESTABLISHED": 1, "TCP_LISTEN": 10, "PIDTYPE_TGID": 1} {
		if got, _, err := b.EnumConstant(name); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", name, got, err, want)
		}
	}
	for name, want := range map[string]*types.Type{
		"u8": types.TUint8, "__be32": types.TUint32, "size_t": types.TUint64, "pid_t": types.TInt32,
		"char": types.TInt8, "bool": types.TBool, "unsigned long": types.TUint64,
	} {
		if got, err := b.TypeByName(name); err != nil || !types.Equal(got, want) {
			t.Errorf("%s is %v, %v; want %v", name, got, err, want)
		}
	}
}

func TestRawTracepointsOnThisKernel(t *testing.T) {
	b, err := OpenBTF()
	if err != nil {
		t.Skip(err)
	}
	params, err := b.RawTracepoint("sys_enter")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range params {
		got = append(got, p.Name+": "+p.CType+" = "+p.Type.String())
	}
	want := []string{"regs: struct pt_regs * = struct pt_regs *", "id: long int = int64"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sys_enter (-want +got):\n%s", diff)
	}
	all := b.RawTracepoints()
	for _, name := range []string{"sched_switch", "sys_exit", "sched_process_exec"} {
		if _, found := slices.BinarySearch(all, name); !found {
			t.Errorf("%s is not among the %d raw tracepoints", name, len(all))
		}
	}
	read, err := b.FuncProto("vfs_read")
	if err != nil {
		t.Fatal(err)
	}
	if len(read.Params) != 4 || read.Params[1].Name != "buf" || !types.Equal(read.Result, types.TInt64) {
		t.Errorf("vfs_read is %+v", read)
	}
}

func TestBTFOverride(t *testing.T) {
	dir := t.TempDir()
	raw := filepath.Join(dir, "raw")
	object := filepath.Join(dir, "object")
	junk := filepath.Join(dir, "junk")
	for file, data := range map[string][]byte{raw: sampleBTF(), object: elfWith(".BTF", sampleBTF()), junk: []byte("not BTF at all, but longer than a header")} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{raw, object} {
		t.Setenv("BPFTRACE_BTF", file)
		b, err := Detect().BTF()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Struct("node"); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := b.Struct("task_struct"); !errors.Is(err, ErrNoType) {
			t.Errorf("%s: task_struct: %v", file, err)
		}
	}
	for _, file := range []string{junk, dir, filepath.Join(dir, "none")} {
		t.Setenv("BPFTRACE_BTF", file)
		f := Detect()
		if b, err := f.BTF(); err == nil {
			t.Errorf("%s: %d types, want an error", file, len(b.offsets))
		}
		if f.Has(FeatureBTF) {
			t.Errorf("%s: the feature was found", file)
		}
	}
}

// elfWith makes the smallest ELF file that has one section.
func elfWith(name string, data []byte) []byte {
	names := "\x00" + name + "\x00.names\x00"
	head := uint64(64)
	shoff := head + uint64(len(data)+len(names))
	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, le, v) }
	put(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64),
		Version: 1, Shoff: shoff, Ehsize: 64, Shentsize: 64, Shnum: 3, Shstrndx: 2,
	})
	b.Write(data)
	b.WriteString(names)
	put(elf.Section64{})
	put(elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: head, Size: uint64(len(data))})
	put(elf.Section64{Name: uint32(len(name) + 2), Type: uint32(elf.SHT_STRTAB), Off: head + uint64(len(data)), Size: uint64(len(names))})
	return b.Bytes()
}

// What a script with one kernel struct pays at its start.
func BenchmarkBTFStart(b *testing.B) {
	for b.Loop() {
		k, err := OpenBTF()
		if err != nil {
			b.Skip(err)
		}
		if _, err := k.Struct("task_struct"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestBTFDefinitions(t *testing.T) {
	b := &btfBlob{}
	b.add("int", kindInt, 0, 4, 1<<24|32)                                                                                                                 // 1
	b.add("", kindPtr, 0, 3)                                                                                                                              // 2
	b.add("node", kindStruct|kindFlag, 5, 32, b.str("a"), 1, 3<<24, b.str("next"), 2, 64, b.str("call"), 5, 128, b.str(""), 7, 192, b.str("buf"), 8, 224) // 3
	b.add("", kindFuncProto, 2, 2, 0, 1, 0, 0)                                                                                                            // 4
	b.add("", kindPtr, 0, 4)                                                                                                                              // 5
	b.add("color", kindEnum|kindFlag, 2, 4, b.str("RED"), 7, b.str("MINUS"), 0xffffffff)                                                                  // 6
	b.add("", kindUnion, 2, 4, b.str("x"), 1, 0, b.str("c"), 6, 0)                                                                                        // 7
	b.add("", kindArray, 0, 0, 1, 1, 1)                                                                                                                   // 8
	b.add("gap", kindStruct, 2, 32, b.str("x"), 1, 0, b.str("y"), 2, 128)                                                                                 // 9
	btf, err := parseBTF(b.bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"struct node": "struct node {\n\tint a: 3;\n\tstruct node *next;\n\tstruct node * (*call)(int, ...);\n\tunion {\n\t\tint x;\n\t\tenum color c;\n\t};\n\tint buf[1];\n};",
		"enum color":  "enum color {\n\tRED = 7,\n\tMINUS = -1,\n};",
		"struct gap":  "struct gap {\n\tint x;\n\tlong: 64;\n\tstruct node *y;\n\tlong: 64;\n};",
	} {
		got, err := btf.Definition(name)
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
	if _, err := btf.Definition("union node"); !errors.Is(err, ErrNoType) {
		t.Errorf("a union that is a struct: %v", err)
	}
	if got := btf.Compounds("struct", func(n string) bool { return n != "gap" }); !slices.Equal(got, []string{"node"}) {
		t.Errorf("structs: %q", got)
	}
}

// TestPadding tests what gaps are written as, as libbpf does.
func TestPadding(t *testing.T) {
	for _, tt := range []struct {
		end, start, align int
		between           bool
		want              string
	}{
		{0, 0, 8, false, ""},
		{36, 64, 1, true, "long: 28;"},
		{61, 64, 1, true, "long: 3;"},
		{13, 16, 1, true, "short: 3;"},
		{32, 64, 32, false, "long: 0;"},
		{32, 64, 64, false, ""},
		{64, 192, 32, false, "long: 64;long: 64;"},
		{64, 96, 32, false, "int: 32;"},
		{8, 96, 32, false, "long: 0;int: 32;"},
		{64, 69, 8, false, "char: 5;"},
	} {
		got := strings.ReplaceAll(padding(tt.end, tt.start, tt.align, tt.between, ""), "\n", "")
		if got != tt.want {
			t.Errorf("from %d to %d of alignment %d: %q, want %q", tt.end, tt.start, tt.align, got, tt.want)
		}
	}
}
