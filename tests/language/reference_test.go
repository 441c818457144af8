package language

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// reference runs bpftrace in the system below root, which sees the cases'
// programs at the same place.
func reference(t *testing.T, root, programs string) engine {
	const mounts = `root=$1; programs=$2; functions=$3; shift 3
for d in proc sys dev; do mountpoint -q $root/$d || mount --rbind /$d $root/$d || exit 1; done
mount -t tracefs none $root/sys/kernel/tracing 2>/dev/null
for d in tracing debug/tracing; do
	list=$root/sys/kernel/$d/available_filter_functions
	[ ! -e $list ] || head -c 1 $list >/dev/null 2>&1 || mount --bind $functions $list || exit 1
done
mkdir -p $root$programs && mount --bind $programs $root$programs || exit 1
exec chroot $root bpftrace "$@"`
	keepTypes(t)
	return engine{start: []string{"unshare", "-m", "sh", "-c", mounts, "sh", root, programs, iteratorFunctions(t)}, reference: true}
}

// iteratorFunctions makes a list of the functions that bpftrace looks for before it
// takes an iterator for one. Locked down kernels do not show theirs.
func iteratorFunctions(t *testing.T) string {
	t.Helper()
	types, err := facts.BTF()
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for _, name := range types.Iterators() {
		list.WriteString("bpf_iter_" + name + "\n")
	}
	path := filepath.Join(t.TempDir(), "functions")
	if err := os.WriteFile(path, []byte(list.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// keepTypes has the kernel know some types besides its own until the test ends:
// without any, bpftrace does not look at the kernel's either, and finds no raw
// tracepoints.
func keepTypes(t *testing.T) {
	t.Helper()
	var b btf.Builder
	if _, err := b.Add(&btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}); err != nil {
		t.Fatal(err)
	}
	handle, err := btf.NewHandle(&b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { handle.Close() })
}

// hasBpftrace tells whether root is that of a system with bpftrace.
func hasBpftrace(root string) bool {
	return root != "" && exec.Command("chroot", root, "bpftrace", "--version").Run() == nil
}
