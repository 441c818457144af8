package gobin

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOperands(t *testing.T) {
	tests := []struct {
		spec string
		arch Arch
		want []Operand
	}{
		{"-4@%edi 8@%rsi", AMD64, []Operand{{Size: 4, Signed: true, Reg: "di", Scale: 1}, {Size: 8, Reg: "si", Scale: 1}}},
		{"8@-16(%rbp) 4@$-7", AMD64, []Operand{{Size: 8, Reg: "bp", Scale: 1, Off: -16, Memory: true}, {Size: 4, Scale: 1, Off: -7}}},
		{"1@(%rax,%r9,8) 2@%r10w", AMD64, []Operand{{Size: 1, Reg: "ax", Index: "r9", Scale: 8, Memory: true}, {Size: 2, Reg: "r10", Scale: 1}}},
		{"8@name(%rip) 4@%xmm0 3@%eax", AMD64, []Operand{{Err: "at name(%rip)"}, {Err: "at %xmm0"}, {Err: "of 3 bytes"}}},
		{"-4@w1 8@[sp, 16] 4@7 8@[x3]", ARM64, []Operand{{Size: 4, Signed: true, Reg: "r1", Scale: 1},
			{Size: 8, Reg: "sp", Scale: 1, Off: 16, Memory: true}, {Size: 4, Scale: 1, Off: 7}, {Size: 8, Reg: "r3", Scale: 1, Memory: true}}},
		{"", AMD64, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, parseOperands(tt.spec, tt.arch)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.spec, diff)
		}
	}
}

// note encodes a static probe.
func note(addr, base, sema uint64, texts string) []byte {
	desc := binary.LittleEndian.AppendUint64(nil, addr)
	desc = binary.LittleEndian.AppendUint64(desc, base)
	desc = append(binary.LittleEndian.AppendUint64(desc, sema), texts...)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(noteOwner)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(desc)))
	b = append(binary.LittleEndian.AppendUint32(b, noteType), noteOwner...)
	b = append(b, desc...)
	return append(b, make([]byte, -len(b)&3)...)
}

func TestUSDTNote(t *testing.T) {
	notes := append(note(0x1139, 0x2000, 0, "app\x00step\x00-4@%edi\x00"), note(0x1140, 0x2000, 0x4000, "app\x00end\x00\x00")...)
	desc, rest, err := stapNote(notes)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseUSDT(desc, 0x2010, AMD64)
	want := USDT{Provider: "app", Name: "step", Addr: 0x1149, Spec: "-4@%edi", Args: []Operand{{Size: 4, Signed: true, Reg: "di", Scale: 1}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("first: %v (-want +got)\n%s", err, diff)
	}
	desc, rest, err = stapNote(rest)
	if err != nil || len(rest) != 0 {
		t.Fatalf("second: %v, %d bytes left", err, len(rest))
	}
	if got, err := parseUSDT(desc, 0, AMD64); err != nil || got.Semaphore != 0x4000 || got.Addr != 0x1140 {
		t.Errorf("second: %+v, %v", got, err)
	}
}

func FuzzUSDT(f *testing.F) {
	f.Add(note(0x1139, 0x2000, 0, "app\x00step\x00-4@%edi 8@-16(%rbp)\x00"))
	f.Fuzz(func(t *testing.T, notes []byte) {
		for len(notes) > 0 {
			desc, rest, err := stapNote(notes)
			if err != nil {
				return
			}
			if len(rest) >= len(notes) {
				t.Fatalf("%d bytes left of %d", len(rest), len(notes))
			}
			notes = rest
			if desc != nil {
				parseUSDT(desc, 0x1000, AMD64)
				parseUSDT(desc, 0, ARM64)
			}
		}
	})
}
