package events

import (
	"encoding/binary"
	"math"
	"testing"
)

func TestLongDouble(t *testing.T) {
	at := func(i int, top uint16, fraction uint64) []byte {
		b := make([]byte, 16)
		binary.LittleEndian.PutUint64(b[i-8:], fraction)
		binary.LittleEndian.PutUint16(b[i:], top)
		return b
	}
	for _, c := range []struct {
		b    []byte
		x87  bool
		want float64
	}{
		{at(8, 0x4000, 0xc000000000000000), true, 3},
		{at(8, 0xbffe, 0x8000000000000000), true, -0.5},
		{at(8, 0, 0), true, 0},
		{at(8, 0x7fff, 0x8000000000000000), true, math.Inf(1)},
		{at(14, 0x4000, 0x8000000000000000), false, 3},
		{at(14, 0xbffe, 0), false, -0.5},
		{at(14, 0, 0), false, 0},
		{at(14, 0xffff, 0), false, math.Inf(-1)},
	} {
		if got := longDouble(c.b, c.x87); got != c.want {
			t.Errorf("% x, x87 %v: %v, want %v", c.b, c.x87, got, c.want)
		}
	}
	if got := longDouble(at(8, 0x7fff, 0xc000000000000000), true); !math.IsNaN(got) {
		t.Errorf("a NaN is %v", got)
	}
}
