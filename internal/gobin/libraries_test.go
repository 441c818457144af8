package gobin

import (
	"encoding/binary"
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loaderCache is a cache as ldconfig writes it, with an old one in front.
func loaderCache(libs ...Library) []byte {
	const head = 48
	b := make([]byte, head+24*len(libs))
	copy(b, "glibc-ld.so.cache1.1")
	binary.LittleEndian.PutUint32(b[20:], uint32(len(libs)))
	for i, l := range libs {
		e := b[head+24*i:]
		binary.LittleEndian.PutUint32(e, cacheFlags[runtime.GOARCH])
		binary.LittleEndian.PutUint32(e[4:], uint32(len(b)))
		b = append(b, l.Soname+"\x00"...)
		binary.LittleEndian.PutUint32(b[head+24*i+8:], uint32(len(b)))
		b = append(b, l.Path+"\x00"...)
	}
	return append([]byte("ld.so-1.7.0\x00\x00\x00\x00\x00"), b...)
}

func TestCachedLibraries(t *testing.T) {
	want := []Library{{"libc.so.6", "/lib/libc.so.6"}, {"libm.so.6", "/lib/libm.so.6"}}
	if diff := cmp.Diff(want, cachedLibraries(loaderCache(want...))); diff != "" {
		t.Error(diff)
	}
	other := loaderCache(want...)
	binary.LittleEndian.PutUint32(other[16+48:], 0x0803) // of i386
	if diff := cmp.Diff(want[1:], cachedLibraries(other)); diff != "" {
		t.Error(diff)
	}
}

func FuzzCachedLibraries(f *testing.F) {
	f.Add(loaderCache(Library{"libc.so.6", "/lib/libc.so.6"}))
	if b, err := os.ReadFile("/etc/ld.so.cache"); err == nil {
		f.Add(b[:min(len(b), 4096)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range cachedLibraries(b) {
			if l.Soname == "" || l.Path == "" || l.Path[0] != '/' {
				t.Errorf("%q", l)
			}
		}
	})
}

func TestIsLibrary(t *testing.T) {
	for _, c := range []struct {
		name, target string
		want         bool
	}{
		{"libc.so.6", "libc", true}, {"libc.so.6", "c", true}, {"libc.so.6", "libc.so.6", true}, {"libc.so.6", "libc.so", true},
		{"libc-2.31.so", "libc", true}, {"libcrypt.so.1", "libc", false}, {"libc++.so.1", "libc", false}, {"libc-client.txt", "libc", false},
	} {
		if got := IsLibrary(c.name, c.target); got != c.want {
			t.Errorf("IsLibrary(%q, %q) = %v", c.name, c.target, got)
		}
	}
}
