package kernel

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/types"
)

const sampleFormat = `name: sample
ID: 316
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char comm[16];	offset:8;	size:16;	signed:0;
	field:__data_loc char[] filename;	offset:24;	size:4;	signed:0;
	field:__rel_loc u32[] words;	offset:28;	size:4;	signed:0;
	field:const struct sock * sk;	offset:32;	size:8;	signed:0;
	field:const char *const * argv;	offset:40;	size:8;	signed:0;
	field:int fd;	offset:48;	size:8;	signed:0;
	field:unsigned long args[6];	offset:56;	size:48;	signed:0;
	field:__u8 saddr[4];	offset:104;	size:4;	signed:0;
	field:long ret;	offset:108;	size:8;	signed:1;
	field:enum zone_type zone;	offset:116;	size:4;	signed:0;
	field:u8 mac[ETH_ALEN];	offset:120;	size:6;	signed:0;
	field:void * p;	offset:128;	size:8;	signed:0;

print fmt: "comm=%s", REC->comm
`

func TestParseTracepointFormat(t *testing.T) {
	got, err := ParseTracepointFormat("syscalls", sampleFormat)
	if err != nil {
		t.Fatal(err)
	}
	pointer := func(elem *types.Type) *types.Type { return types.PointerTo(elem, types.SpaceUser) }
	want := &TracepointFormat{Category: "syscalls", Name: "sample", ID: 316, Fields: []TracepointField{
		{Name: "common_type", CType: "unsigned short", Size: 2, Type: types.TUint16},
		{Name: "common_pid", CType: "int", Offset: 4, Size: 4, Signed: true, Type: types.TInt32},
		{Name: "comm", CType: "char[16]", Offset: 8, Size: 16, Array: 16, Type: types.ArrayOf(types.TChar, 16)},
		{Name: "filename", CType: "char[]", Offset: 24, Size: 4, DataLoc: true,
			Type: types.PointerTo(types.TChar, types.SpaceKernel)},
		{Name: "words", CType: "u32[]", Offset: 28, Size: 4, DataLoc: true, LocBase: 32,
			Type: types.PointerTo(types.TUint32, types.SpaceKernel)},
		{Name: "sk", CType: "const struct sock *", Offset: 32, Size: 8,
			Type: pointer(&types.Type{Kind: types.Struct, Name: "struct sock"})},
		{Name: "argv", CType: "const char *const *", Offset: 40, Size: 8, Type: pointer(pointer(types.TChar))},
		{Name: "fd", CType: "int", Offset: 48, Size: 8, Type: types.TInt32},
		{Name: "args", CType: "unsigned long[6]", Offset: 56, Size: 48, Array: 6, Type: types.ArrayOf(types.TUint64, 6)},
		{Name: "saddr", CType: "__u8[4]", Offset: 104, Size: 4, Array: 4, Type: types.ArrayOf(types.TUint8, 4)},
		{Name: "ret", CType: "long", Offset: 108, Size: 8, Signed: true, Type: types.TInt64},
		{Name: "zone", CType: "enum zone_type", Offset: 116, Size: 4, Type: types.TUint32},
		{Name: "mac", CType: "u8[ETH_ALEN]", Offset: 120, Size: 6, Array: 6, Type: types.ArrayOf(types.TUint8, 6)},
		{Name: "p", CType: "void *", Offset: 128, Size: 8, Type: pointer(nil)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("format (-want +got):\n%s", diff)
	}
	if got.Size() != 136 {
		t.Errorf("size %d, want 136", got.Size())
	}
}

func TestParseTracepointFormatRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":         "",
		"no id":         "name: x\n",
		"bad id":        "name: x\nID: y\n",
		"bad offset":    "name: x\nID: 1\nfield:int a;\toffset:z;\tsize:4;\n",
		"huge size":     "name: x\nID: 1\nfield:int a;\toffset:0;\tsize:99999999;\n",
		"negative":      "name: x\nID: 1\nfield:int a;\toffset:-8;\tsize:4;\n",
		"endless stars": "name: x\nID: 1\nfield:int " + strings.Repeat("*", 2000) + "a;\toffset:0;\tsize:8;\n",
	} {
		if f, err := ParseTracepointFormat("c", text); err == nil {
			t.Errorf("%s: got %+v, want an error", name, f)
		}
	}
}

func FuzzTracepointFormat(f *testing.F) {
	f.Add(sampleFormat)
	f.Fuzz(func(t *testing.T, text string) {
		format, err := ParseTracepointFormat("c", text)
		if err != nil {
			return
		}
		for _, field := range format.Fields {
			if field.Type.Size > max(field.Size, 8) {
				t.Errorf("field %q of %d bytes has a type of %d", field.CType, field.Size, field.Type.Size)
			}
		}
	})
}

func TestTracefsOnThisKernel(t *testing.T) {
	needRoot(t)
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	fs, err := OpenTracefs()
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	after, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Errorf("mounts changed from\n%s\nto\n%s", before, after)
	}
	format, err := fs.Tracepoint("sched", "sched_switch")
	if err != nil {
		t.Fatal(err)
	}
	if format.ID == 0 {
		t.Error("sched_switch has id 0")
	}
	var names []string
	for _, f := range format.Fields {
		names = append(names, f.Name)
	}
	want := []string{"common_type", "common_flags", "common_preempt_count", "common_pid", "prev_comm", "prev_pid",
		"prev_prio", "prev_state", "next_comm", "next_pid", "next_prio"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("fields of sched_switch (-want +got):\n%s", diff)
	}
	prev, _ := format.Field("prev_pid")
	if prev.Offset != 24 || !types.Equal(prev.Type, types.TInt32) {
		t.Errorf("prev_pid is %v at %d, want int32 at 24", prev.Type, prev.Offset)
	}
}

func TestTracepointNames(t *testing.T) {
	needRoot(t)
	fs, err := OpenTracefs()
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	for _, bad := range [][2]string{{"sched", "no_such"}, {"..", "sched"}, {"../events/sched", "sched_switch"}, {"sched", "../sched/sched_switch"}, {"", ""}} {
		if _, err := fs.Tracepoint(bad[0], bad[1]); err == nil {
			t.Errorf("tracepoint %q:%q was found", bad[0], bad[1])
		}
	}
	got, err := fs.Tracepoints("s?hed", "sched_sw*")
	if err != nil || !slices.Contains(got, "sched:sched_switch") || !slices.IsSorted(got) {
		t.Errorf("s?hed:sched_sw* gives %q, %v", got, err)
	}
	if got, err := fs.Events("no_such_category"); err != nil || len(got) != 0 {
		t.Errorf("events of no category: %q, %v", got, err)
	}
	all, err := fs.Tracepoints("*", "*")
	if err != nil || len(all) < 500 {
		t.Fatalf("%d tracepoints, %v", len(all), err)
	}
	for i := 0; i < len(all); i += 10 {
		category, event, _ := strings.Cut(all[i], ":")
		if _, err := fs.Tracepoint(category, event); err != nil {
			t.Error(err)
		}
	}
}

func TestGlobMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a", "a", true}, {"a*", "abc", true},
		{"*c", "abc", true}, {"*b*", "abc", true}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*a*b", "aXbXb", true}, {"*a*b", "aXbXc", false}, {"sys_*_open*", "sys_enter_openat", true}, {"ab", "abc", false},
	} {
		if got := globMatch(c.pattern, c.s); got != c.want {
			t.Errorf("globMatch(%q, %q) = %v, want %v", c.pattern, c.s, got, c.want)
		}
	}
}
