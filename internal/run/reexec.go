package run

import (
	order "encoding/binary"
	"fmt"
	"os"
	"strings"
)

// A process of -c is stopped by ptrace at the first instruction of its program,
// when its exec is over. For the probes to see the exec it is made to begin with
// another one, of the same program with the same arguments: they lie on its stack
// as the kernel has put them there.

// image is what a process that did not run yet has on its stack.
type image struct {
	path uint64   // address of the name of the file
	argv uint64   // of the arguments' addresses
	envp uint64   // of the variables' addresses
	args []uint64 // the addresses at argv
}

const (
	auxEntry  = 9       // AT_ENTRY of linux/auxvec.h
	auxExecFn = 31      // AT_EXECFN
	maxString = 1 << 17 // MAX_ARG_STRLEN of linux/binfmts.h
)

// readImage reads the stack of process pid, whose pointer is at sp.
func readImage(pid int, sp uint64) (image, error) {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return image{}, err
	}
	defer mem.Close()
	argc, err := words(mem, sp, 1)
	if err != nil {
		return image{}, err
	}
	im := image{argv: sp + 8, envp: sp + 8*(argc[0]+2)}
	if im.args, err = words(mem, im.argv, argc[0]); err != nil {
		return image{}, err
	}
	if im.path, err = auxValue(pid, auxExecFn); err != nil {
		return image{}, err
	}
	return im, im.ofScript(mem)
}

// ofScript takes from the arguments of a script what the kernel has put before
// them: its interpreter, whose name is the first, and perhaps an option.
func (im *image) ofScript(mem *os.File) error {
	path, err := text(mem, im.path)
	if err != nil {
		return err
	}
	if f, err := os.Open(path); err == nil {
		var magic [2]byte
		_, err = f.ReadAt(magic[:], 0)
		f.Close()
		if err != nil || string(magic[:]) != "#!" {
			return nil
		}
	}
	for i, at := range im.args {
		arg, err := text(mem, at)
		if err != nil {
			return err
		}
		if i > 0 && arg == path {
			im.argv += 8 * uint64(i)
			return nil
		}
	}
	return nil
}

// auxValue finds what the kernel has told a process when it executed its program.
func auxValue(pid int, kind uint64) (uint64, error) {
	aux, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid))
	if err != nil {
		return 0, err
	}
	for ; len(aux) >= 16; aux = aux[16:] {
		if order.NativeEndian.Uint64(aux) == kind {
			return order.NativeEndian.Uint64(aux[8:]), nil
		}
	}
	return 0, fmt.Errorf("process %d does not tell what it executes (%d)", pid, kind)
}

func words(mem *os.File, at, n uint64) ([]uint64, error) {
	if n > maxString {
		return nil, fmt.Errorf("%d arguments", n)
	}
	raw := make([]byte, 8*n)
	if _, err := mem.ReadAt(raw, int64(at)); err != nil {
		return nil, err
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = order.NativeEndian.Uint64(raw[8*i:])
	}
	return list, nil
}

// text reads a string that ends with a zero; the stack may end behind it.
func text(mem *os.File, at uint64) (string, error) {
	var b strings.Builder
	var c [1]byte
	for b.Len() < maxString {
		if _, err := mem.ReadAt(c[:], int64(at)+int64(b.Len())); err != nil {
			return "", err
		}
		if c[0] == 0 {
			return b.String(), nil
		}
		b.WriteByte(c[0])
	}
	return "", fmt.Errorf("a string of more than %d bytes", maxString)
}
