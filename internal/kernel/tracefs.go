package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Tracefs reads the kernel's trace event files.
type Tracefs struct {
	functions string // file that names the kernel functions that can be traced; "": the kernel's own
	root      fs.FS
	events    fs.FS    // root's folder of that name
	mount     *os.File // detached mount, nil if the host has tracefs mounted
}

// OpenTracefs finds tracefs where the host has it mounted, or else makes a
// mount that only this process sees (Linux 5.2, CAP_SYS_ADMIN). The host's
// mounts stay as they are. The error names the command that helps.
func OpenTracefs() (*Tracefs, error) {
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		events := os.DirFS(dir + "/events")
		if _, err := fs.Stat(events, "."); err == nil {
			return &Tracefs{root: os.DirFS(dir), events: events}, nil
		}
	}
	mount, err := detachedTracefs()
	if err != nil {
		return nil, fmt.Errorf("opening tracefs: %w (as root: mount -t tracefs tracefs /sys/kernel/tracing)", err)
	}
	dir := fmt.Sprintf("/proc/self/fd/%d", mount.Fd())
	return &Tracefs{root: os.DirFS(dir), events: os.DirFS(dir + "/events"), mount: mount}, nil
}

func detachedTracefs() (*os.File, error) {
	ctx, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(ctx)
	if err := unix.FsconfigCreate(ctx); err != nil {
		return nil, fmt.Errorf("fsconfig: %w", err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsmount: %w", err)
	}
	return os.NewFile(uintptr(fd), "tracefs"), nil
}

// Close drops the detached mount, if there is one.
func (t *Tracefs) Close() error {
	if t.mount == nil {
		return nil
	}
	return t.mount.Close()
}

// Detached tells whether tracefs is reached through a mount of our own; other
// programs, and libraries that look for a path, do not see it then.
func (t *Tracefs) Detached() bool { return t.mount != nil }

// Functions calls yield for every kernel function that can be probed, with the
// module that it is in ("" for the kernel itself), some of them more than once,
// until it says no. Kernels that are locked down refuse the list.
func (t *Tracefs) Functions(yield func(name, module string) bool) error {
	f, err := t.openFunctions()
	if err != nil {
		return fmt.Errorf("list of kernel functions: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, module, _ := strings.Cut(lines.Text(), " ")
		if !yield(name, strings.Trim(module, "[]")) {
			return nil
		}
	}
	return lines.Err()
}

func (t *Tracefs) openFunctions() (fs.File, error) {
	if t.functions != "" {
		return os.Open(t.functions)
	}
	return t.root.Open("available_filter_functions")
}

// ErrNoTracepoint is wrapped by the errors for tracepoints that do not exist.
var ErrNoTracepoint = errors.New("no such tracepoint")

// Tracepoint reads the format of category:name.
func (t *Tracefs) Tracepoint(category, name string) (*TracepointFormat, error) {
	file := path.Join(category, name, "format")
	if strings.Contains(category+name, "/") || !fs.ValidPath(file) {
		return nil, fmt.Errorf("tracepoint %s:%s: %w", category, name, ErrNoTracepoint)
	}
	text, err := fs.ReadFile(t.events, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tracepoint %s:%s: %w", category, name, ErrNoTracepoint)
	}
	if err != nil {
		return nil, fmt.Errorf("tracepoint %s:%s: %w", category, name, err)
	}
	f, err := ParseTracepointFormat(category, string(text))
	if err != nil {
		return nil, fmt.Errorf("tracepoint %s:%s: %w", category, name, err)
	}
	return f, nil
}

// Categories lists the categories of tracepoints, sorted.
func (t *Tracefs) Categories() ([]string, error) { return t.directories(".") }

// Events lists the names of the tracepoints of category, sorted; none if there
// is no such category.
func (t *Tracefs) Events(category string) ([]string, error) {
	if strings.Contains(category, "/") || !fs.ValidPath(category) {
		return nil, nil
	}
	names, err := t.directories(category)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

func (t *Tracefs) directories(dir string) ([]string, error) {
	entries, err := fs.ReadDir(t.events, dir)
	if err != nil {
		return nil, fmt.Errorf("reading tracefs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Tracepoints lists the tracepoints whose category and name match the two
// globs (only * and ? are special), each as "category:name", sorted.
func (t *Tracefs) Tracepoints(category, name string) ([]string, error) {
	categories, err := t.Categories()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, c := range categories {
		if !globMatch(category, c) {
			continue
		}
		events, err := t.Events(c)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if globMatch(name, e) {
				found = append(found, c+":"+e)
			}
		}
	}
	return found, nil
}

// globMatch tells whether s matches pattern, where * is any text and ? any
// byte. It runs in len(pattern)*len(s) at worst.
func globMatch(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
