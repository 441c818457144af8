package run

import (
	"fmt"
	"syscall"
)

// userCode64 is the code segment of 64-bit programs.
const userCode64 = 0x33

// trap is the instruction that stops a process.
var trap = []byte{0xcc}

// backTo has a process that an instruction behind pc has stopped go on at pc.
func backTo(pid int, pc uint64) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(pid, &regs); err != nil {
		return err
	}
	regs.SetPC(pc)
	return syscall.PtraceSetRegs(pid, &regs)
}

// beginWithExec makes the stopped process pid go on with an exec of its own
// program.
func beginWithExec(pid int) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(pid, &regs); err != nil {
		return err
	}
	if regs.Cs != userCode64 {
		return fmt.Errorf("a 32-bit program")
	}
	im, err := readImage(pid, regs.Rsp)
	if err != nil {
		return err
	}
	if _, err := syscall.PtracePokeText(pid, uintptr(regs.Rip), []byte{0x0f, 0x05}); err != nil { // syscall
		return err
	}
	regs.Rax, regs.Orig_rax = syscall.SYS_EXECVE, ^uint64(0)
	regs.Rdi, regs.Rsi, regs.Rdx = im.path, im.argv, im.envp
	return syscall.PtraceSetRegs(pid, &regs)
}
