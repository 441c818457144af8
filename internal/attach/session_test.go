package attach

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// TestTooLong: what older kernels say of long keys is explained, other errors are left.
func TestTooLong(t *testing.T) {
	long, short := &ebpf.MapSpec{KeySize: 1024}, &ebpf.MapSpec{KeySize: 512}
	if err := tooLong(long, unix.E2BIG); !strings.Contains(err.Error(), "its keys have 1024 bytes, this kernel takes 512: cut the strings") {
		t.Error(err)
	}
	if tooLong(short, unix.E2BIG) != unix.E2BIG || tooLong(long, unix.ENOMEM) != unix.ENOMEM {
		t.Error("another error is explained so")
	}
}
