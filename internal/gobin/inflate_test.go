package gobin

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestInflate(t *testing.T) {
	random := make([]byte, 200_000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(rnd.Uint32())
	}
	texts := map[string][]byte{
		"nothing": {}, "a byte": {7}, "one value": bytes.Repeat([]byte{1}, 100_000), "random": random,
		"words":      []byte(strings.Repeat("every good boy deserves fruit, ", 5000)),
		"few values": bytes.Map(func(r rune) rune { return r & 3 }, bytes.ToValidUTF8(random, nil)),
	}
	var skewed []byte // codes of every length
	for i := range 300_000 {
		skewed = append(skewed, byte(rnd.ExpFloat64()*5), byte(i>>14))
	}
	texts["skewed"] = skewed
	for name, text := range texts {
		for level := zlib.HuffmanOnly; level <= zlib.BestCompression; level++ {
			t.Run(fmt.Sprint(name, level), func(t *testing.T) {
				packed := deflated(t, text, level)
				got := make([]byte, len(text))
				if err := unzlib(got, packed); err != nil || !bytes.Equal(got, text) {
					t.Errorf("%d bytes: %v, equal: %v", len(text), err, bytes.Equal(got, text))
				}
				if err := unzlib(make([]byte, len(text)+1), packed); err == nil {
					t.Error("one byte too few was not noticed")
				}
				if err := unzlib(make([]byte, max(len(text)-1, 0)), packed); err == nil && len(text) > 0 {
					t.Error("one byte too many was not noticed")
				}
			})
		}
	}
}

func deflated(t testing.TB, text []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzInflate compares with the standard library's decoder.
func FuzzInflate(f *testing.F) {
	for level := zlib.HuffmanOnly; level <= zlib.BestCompression; level++ {
		f.Add(deflated(f, []byte("so long, and thanks for all the fish, and so long"), level))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 6 {
			return
		}
		z, err := zlib.NewReader(bytes.NewReader(data))
		var want []byte
		if err == nil {
			want, err = io.ReadAll(io.LimitReader(z, 1<<20))
		}
		if len(want) == 1<<20 {
			return
		}
		got := make([]byte, len(want))
		switch mine := unzlib(got, data); {
		case err == nil && (mine != nil || !bytes.Equal(got, want)):
			t.Errorf("%x: %v, got %x, want %x", data, mine, got, want)
		case err != nil && mine == nil && err != zlib.ErrChecksum && err != io.ErrUnexpectedEOF:
			t.Errorf("%x: accepted; the standard library says %v", data, err)
		}
	})
}
