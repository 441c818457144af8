package vm

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// marker begins what init tells about a program's end; the program's number and
// its exit status follow.
const marker = "#vm-program-ended:"

// consoleTail is how many bytes of the kernel's messages are shown when a machine
// stops early.
const consoleTail = 4 << 10

// Machine is a virtual machine of two processors.
type Machine struct {
	Kernel Image
	Append string // further words of the kernel's command line
	Memory int    // MiB
	Root   *FS    // the root folder; Run adds init and a shell
}

// Program is what a machine runs.
type Program struct {
	Path string   // in the machine
	Args []string // without the program's name
	Dir  string   // working directory
	Env  []string // as NAME=value
	Out  io.Writer
}

// Run boots the machine, runs the programs one after the other, and powers it off. It
// returns the exit status of each program; an error if the machine stops before the
// last has ended or ctx is done.
func (m *Machine) Run(ctx context.Context, programs []Program) ([]int, error) {
	if err := m.addSystem(programs); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	initrd, console := filepath.Join(dir, "initrd"), filepath.Join(dir, "console")
	if err := m.pack(initrd); err != nil {
		return nil, err
	}
	cmd := m.command(ctx, initrd, console)
	serial, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	status, err := follow(serial, programs)
	if waitErr := cmd.Wait(); err == nil {
		err = waitErr
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil && len(status) < len(programs) {
		err = fmt.Errorf("program %d did not end", len(status))
	}
	if err != nil {
		return status, fmt.Errorf("kernel %s: %w\n%s%s", m.Kernel.Release, err, &stderr, tail(console))
	}
	return status, nil
}

// board is how QEMU emulates an architecture's machine with two serial lines.
type board struct {
	command string
	args    []string
	second  []string // arguments for the second serial line; the first is there by -serial
	console string   // the first line's name in the kernel
	out     string   // the second's
	append  string   // further words of the kernel's command line
}

var boards = map[string]board{
	// The kernel stops where its timer does not tick while it looks, as on a busy host.
	"amd64": {
		append:  "no_timer_check",
		command: "qemu-system-x86_64", args: []string{"-cpu", "max"},
		second: []string{"-serial", "stdio"}, console: "ttyS0", out: "ttyS1",
	},
	// The second line is on the PCI bus. Pointers are signed in QEMU's own way, which
	// is much less work for it than the architecture's.
	"arm64": {
		command: "qemu-system-aarch64", args: []string{"-machine", "virt", "-cpu", "max,pauth-impdef=on"},
		second: []string{"-chardev", "stdio,id=out", "-device", "pci-serial,chardev=out"}, console: "ttyAMA0", out: "ttyS0",
	},
}

// command is QEMU with the kernel's messages on the first serial line, in a file,
// and the programs' output on the second. One thread emulates both CPUs in turns: on
// threads of their own one may run the breakpoint that the other has just taken back
// from the kernel's code, and the kernel dies of that.
func (m *Machine) command(ctx context.Context, initrd, console string) *exec.Cmd {
	b := boards[m.Kernel.Arch]
	args := append([]string{"-accel", "tcg,thread=single", "-smp", "2", "-m", strconv.Itoa(m.Memory), "-nodefaults", "-no-reboot",
		"-display", "none", "-kernel", m.Kernel.Path, "-initrd", initrd, "-serial", "file:" + console,
		"-append", "console=" + b.console + " quiet panic=-1 " + b.append + " " + m.Append}, b.args...)
	return exec.CommandContext(ctx, b.command, append(args, b.second...)...)
}

func (m *Machine) pack(initrd string) error {
	f, err := os.Create(initrd)
	if err != nil {
		return err
	}
	if _, err := m.Root.WriteTo(f); err != nil {
		f.Close()
		return fmt.Errorf("packing the root folder: %w", err)
	}
	return f.Close()
}

// addSystem adds init, a shell with the usual commands, and the mount points.
func (m *Machine) addSystem(programs []Program) error {
	if err := m.Root.Copy("/bin/busybox", m.Kernel.Busybox); err != nil {
		return err
	}
	m.Root.AddLink("/bin/sh", "busybox")
	for _, module := range m.Kernel.Modules {
		if err := m.Root.Copy(filepath.Join("/modules", filepath.Base(module)), module); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/dev", "/proc", "/sys", "/tmp", "/root", "/etc", "/usr/bin", "/usr/sbin", "/sbin"} {
		m.Root.AddDir(dir)
	}
	m.Root.Add("/etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\n"))
	m.Root.Add("/etc/hosts", 0o644, []byte("127.0.0.1 localhost\n::1 localhost\n"))
	m.Root.Add("/init", 0o755, []byte(initScript(boards[m.Kernel.Arch].out, programs)))
	return nil
}

// setup is the first part of init. tracefs is not mounted: that is for the program
// under test.
const setup = `#!/bin/sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir /dev/pts && mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
ifconfig lo up
for module in /modules/*.xz; do
	[ -e "$module" ] && unxz "$module"
done
for module in /modules/*.ko; do
	[ -e "$module" ] && insmod "$module"
done
`

// initScript runs programs with their output on a serial line.
func initScript(line string, programs []Program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%[1]sexec >/dev/%[2]s 2>&1 </dev/null\nstty raw </dev/%[2]s\n", setup, line)
	for i, p := range programs {
		words := append(append([]string{"env"}, p.Env...), p.Path)
		for j, w := range append(words, p.Args...) {
			if j > 0 {
				b.WriteByte(' ')
			} else {
				fmt.Fprintf(&b, "cd %s && ", quote(p.Dir))
			}
			b.WriteString(quote(w))
		}
		fmt.Fprintf(&b, "\necho '%s' %d $?\n", marker, i)
	}
	b.WriteString("poweroff -f\n")
	return b.String()
}

// quote makes a shell's word of any text.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// follow copies what programs print and collects their exit statuses.
func follow(serial io.Reader, programs []Program) ([]int, error) {
	var status []int
	in := bufio.NewReader(serial)
	for {
		line, err := in.ReadString('\n')
		text, end, ended := strings.Cut(line, marker)
		if len(status) < len(programs) {
			if _, err := io.WriteString(programs[len(status)].Out, text); err != nil {
				return status, err
			}
		}
		if ended {
			var program, code int
			if _, err := fmt.Sscan(end, &program, &code); err != nil || program != len(status) {
				return status, fmt.Errorf("end of program %d: got %q", len(status), end)
			}
			status = append(status, code)
		}
		if err == io.EOF {
			return status, nil
		}
		if err != nil {
			return status, err
		}
	}
}

// tail returns the end of the kernel's messages.
func tail(console string) string {
	text, err := os.ReadFile(console)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-consoleTail):])
}
