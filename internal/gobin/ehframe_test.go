package gobin

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/types"
)

// TestUnwindTable compares tables of programs, their C library's code included, with
// what binutils reads.
func TestUnwindTable(t *testing.T) {
	for _, command := range []string{
		"gcc -O2 -static", "gcc -O2", "gcc -O2 -fno-omit-frame-pointer -no-pie",
		"aarch64-linux-gnu-gcc -O2 -static", "aarch64-linux-gnu-gcc -O2 -mbranch-protection=standard",
	} {
		t.Run(command, func(t *testing.T) {
			words := strings.Fields(command)
			bin := compiled(t, words[0], "frames.c", words[1:]...)
			f, err := Open(bin)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			table, err := f.UnwindTable()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.IsSortedFunc(table, comparePC) {
				t.Fatal("the rows are not sorted")
			}
			checked := 0
			for pc, want := range interpreted(t, bin) {
				checked++
				if got := ruleText(rowAt(table, pc), f.Arch); got != want {
					t.Errorf("at %#x: %s, binutils says %s", pc, got, want)
				}
			}
			if checked < 10 {
				t.Errorf("only %d rows were compared", checked)
			}
		})
	}
}

func comparePC(a, b types.UnwindRow) int {
	if a.PC < b.PC {
		return -1
	}
	return 1
}

func rowAt(table []types.UnwindRow, pc uint64) types.UnwindRow {
	i, _ := slices.BinarySearchFunc(table, pc, func(r types.UnwindRow, pc uint64) int {
		if r.PC <= pc {
			return -1
		}
		return 1
	})
	return table[i-1]
}

// ruleText is a row as binutils shows its frame, BP and return address.
func ruleText(r types.UnwindRow, arch Arch) string {
	sp, fp := "rsp", "rbp"
	if arch == ARM64 {
		sp, fp = "sp", "x29"
	}
	at := func(base types.UnwindBase, off int32) string {
		switch base {
		case types.UnwindNone, types.UnwindLink:
			return "u"
		case types.UnwindFrame:
			return fmt.Sprintf("c%+d", off)
		}
		return "exp"
	}
	frame := "exp"
	switch r.CFA {
	case types.UnwindSP:
		frame = fmt.Sprintf(sp+"%+d", r.CFAOff)
	case types.UnwindFP:
		frame = fmt.Sprintf(fp+"%+d", r.CFAOff)
	case types.UnwindNone:
		return "another register"
	}
	return frame + " " + at(r.BP, r.BPOff) + " " + at(r.RA, r.RAOff)
}

// interpreted are the rows that readelf prints, by their addresses.
func interpreted(t *testing.T, bin string) map[uint64]string {
	out, err := exec.Command("readelf", "--debug-dump=frames-interp", bin).Output()
	if err != nil {
		t.Fatalf("readelf, of binutils: %v", err)
	}
	rows := map[uint64]string{}
	var columns []string
	function, usual := false, map[string]bool{} // where return addresses are, by CIE
	for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
		words := strings.Fields(sc.Text())
		switch {
		case len(words) > 3 && words[3] == "FDE":
			function = usual[strings.TrimPrefix(words[4], "cie=")]
		case len(words) > 3 && words[3] == "CIE":
			function = false
			usual[words[0]] = slices.Contains([]string{"ra=16", "ra=30"}, words[len(words)-1])
		case len(words) > 0 && words[0] == "LOC":
			columns = words
		case len(words) == len(columns) && function && len(words[0]) == 16:
			pc, err := strconv.ParseUint(words[0], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			row := map[string]string{"rbp": "u", "x29": "u", "ra": "u"}
			for i, name := range columns {
				row[name] = words[i]
			}
			saved := row["rbp"]
			if saved == "u" {
				saved = row["x29"] // the one that this processor has
			}
			text := row["CFA"] + " " + saved + " " + row["ra"]
			if !regexp.MustCompile(`^(rsp|rbp|sp|x29|exp)`).MatchString(row["CFA"]) {
				text = "another register"
			}
			rows[pc] = text
		}
	}
	return rows
}

// FuzzUnwindTable reads what no compiler has written.
func FuzzUnwindTable(f *testing.F) {
	file, err := Open(buildNative(f, "frames.c", "-O2"))
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	frames, err := file.section(".eh_frame")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frames, uint64(0x1000))
	f.Fuzz(func(t *testing.T, data []byte, addr uint64) {
		e := ehFrame{data: data, addr: addr, regs: unwindRegsOf[AMD64], cies: map[uint64]*cie{}}
		err := e.read()
		table := e.table()
		if !slices.IsSortedFunc(table, comparePC) {
			t.Errorf("the rows are not sorted (%v)", err)
		}
		if len(table) > len(data)+1 {
			t.Errorf("%d rows of %d bytes", len(table), len(data))
		}
	})
}

// TestUnwindTableOfNothing: Go's linker writes no .eh_frame, and Go keeps frame
// pointers.
func TestUnwindTableOfNothing(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := f.UnwindTable()
	if err != nil || len(table) != 1 || table[0] != FramePointer {
		t.Errorf("%v, %v", table, err)
	}
}
