package run

import (
	order "encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"
)

// trap is the instruction that stops a process, before which it is then.
var trap = []byte{0x00, 0x00, 0x20, 0xd4}

func backTo(int, uint64) error { return nil }

// beginWithExec makes the stopped process pid go on with an exec of its own
// program.
func beginWithExec(pid int) error {
	const general = 1 // NT_PRSTATUS
	var regs unix.PtraceRegsArm64
	if err := unix.PtraceGetRegSetArm64(pid, general, &regs); err != nil {
		return err
	}
	im, err := readImage(pid, regs.Sp)
	if err != nil {
		return err
	}
	svc := order.LittleEndian.AppendUint32(nil, 0xd4000001)
	if _, err := syscall.PtracePokeText(pid, uintptr(regs.Pc), svc); err != nil {
		return err
	}
	regs.Regs[8] = syscall.SYS_EXECVE
	regs.Regs[0], regs.Regs[1], regs.Regs[2] = im.path, im.argv, im.envp
	return unix.PtraceSetRegSetArm64(pid, general, &regs)
}
