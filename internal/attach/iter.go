package attach

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// attachIter links the iterator's program; Iterate runs it.
func (u *Unit) attachIter() error {
	l, err := link.AttachIter(link.IterOptions{Program: u.program})
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.EINVAL) {
		return unnamed(u.Plan.Point.Func, err)
	}
	if err != nil {
		return fmt.Errorf("attaching iter:%s: %w", u.Plan.Point.Func, err)
	}
	u.iter = l
	u.links = append(u.links, l)
	return nil
}

// unnamed is the error of an iterator that the kernel refuses without an object.
func unnamed(iter string, err error) error {
	return fmt.Errorf("attaching iter:%s: it goes over the elements of one map or cgroup, which an attach point cannot name: %w", iter, err)
}

// ofOneMap are the iterators whose programs some kernels refuse already at loading.
var ofOneMap = []string{"bpf_map_elem", "bpf_sk_storage_map", "sockmap"}

// batch is after how many objects Iterate lets its caller read events.
const batch = 64

// Iterate runs the program for every object that the iterator finds. Between
// batches of them it calls handle, whose error ends it.
func (u *Unit) Iterate(handle func() error) error {
	objects, err := u.iter.Open()
	if err != nil {
		return fmt.Errorf("running iter:%s: %w", u.Plan.Point.Func, err)
	}
	defer objects.Close()
	buf := make([]byte, batch)
	for {
		_, err := objects.Read(buf)
		if err := handle(); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, unix.EAGAIN): // which tells of many objects without one to show
			return fmt.Errorf("running iter:%s: %w", u.Plan.Point.Func, err)
		}
	}
}

// bpffs is where the kernel keeps what outlives the process that made it.
const bpffs = "/sys/fs/bpf"

// Pin makes the iterator a file that runs it when it is read, and returns the file's
// path: a relative one is taken from /sys/fs/bpf on.
func (u *Unit) Pin(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(bpffs, path)
	}
	if err := u.iter.Pin(path); err != nil {
		return "", fmt.Errorf("pinning iter:%s to %s (which has to be in a bpf file system): %w", u.Plan.Point.Func, path, err)
	}
	return path, nil
}
