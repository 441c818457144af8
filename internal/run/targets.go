package run

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// located is a file that a target stands for.
type located struct {
	name string // as messages and the probe builtin have it
	file string // where it is opened
}

// targets opens what the point's target names now. Of a pattern the files that
// are no binaries are left out.
func (w *world) targets(p *prog.Point) ([]*binary, error) {
	files, sure, err := w.locate(p.Target, p.Kind)
	if err != nil {
		return nil, err
	}
	var bins []*binary
	for _, f := range files {
		b, err := w.bins.open(f.name, f.file, w.pid)
		if err != nil && sure {
			return nil, err
		}
		if err == nil && !slices.Contains(bins, b) {
			bins = append(bins, b)
		}
	}
	return bins, nil
}

// inTargets gathers what find has of the point's binaries. If none has anything, the
// first error is returned; of all programs, what starts later may match.
func (w *world) inTargets(p *prog.Point, find func(*prog.Point, *binary) ([]*prog.Group, error)) ([]*prog.Group, error) {
	bins, err := w.targets(p)
	if err != nil {
		return nil, err
	}
	var all []*prog.Group
	var first error
	for _, b := range bins {
		groups, err := find(p, b)
		if err != nil && first == nil {
			first = err
		}
		all = append(all, groups...)
	}
	if len(all) == 0 && p.Target != "*" {
		return nil, first
	}
	return all, nil
}

// foreign is the error of a binary that this machine does not run.
func (w *world) foreign(b *binary) error {
	if b.file.Arch == w.arch {
		return nil
	}
	return fmt.Errorf("is built for %s: this machine runs %s", b.file.Arch, w.arch)
}

// locate finds the files that a target names; sure tells that each has to be a
// binary.
func (w *world) locate(target string, kind prog.ProbeKind) (files []located, sure bool, err error) {
	switch {
	case target == "" && w.pid == 0:
		return nil, true, errNoTarget
	case target == "":
		return []located{w.executable()}, true, nil
	case target == "*":
		files, err := w.anywhere(kind)
		return files, false, err
	}
	if _, err := os.Stat(target); err != nil && strings.Contains(target, "*") {
		files, err := w.expand(target)
		return files, false, err
	}
	f, err := w.find(target)
	return []located{f}, true, err
}

// executable is the program of the traced process.
func (w *world) executable() located {
	exe, err := os.Readlink(exePath(w.pid))
	if err != nil {
		return located{exePath(w.pid), exePath(w.pid)}
	}
	return located{rootPath(w.pid, strings.TrimSuffix(exe, " (deleted)")), exePath(w.pid)}
}

func exePath(pid int) string { return fmt.Sprintf("/proc/%d/exe", pid) }

// rootPath is where a file of a process is found, also in a container.
func rootPath(pid int, path string) string { return fmt.Sprintf("/proc/%d/root%s", pid, path) }

// anywhere lists what "*" stands for: the files that the traced process has
// code of, or else the running Go programs, for static probes every file that a
// process has code of.
func (w *world) anywhere(kind prog.ProbeKind) ([]located, error) {
	switch {
	case kind == prog.KindRPC || kind != prog.KindUSDT && w.pid == 0:
		return w.runningGo()
	case w.pid != 0:
		return w.mapped()
	}
	pids, err := processIDs()
	if err != nil {
		return nil, err
	}
	var all []located
	seen := map[[2]uint64]bool{}
	for _, pid := range pids {
		for _, m := range codeOf(pid) {
			if id := [2]uint64{m.Dev, m.Inode}; !seen[id] {
				seen[id] = true
				all = append(all, located{m.Path, gobin.MappedFile(pid, m)})
			}
		}
	}
	return all, nil
}

// inPath lists the programs in the folders of PATH.
func inPath() []located {
	var all []located
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if isBinary(path) {
				all = append(all, located{path, path})
			}
		}
	}
	return all
}

// processIDs lists the running processes but this one.
func processIDs() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// codeOf lists the mappings of files that a process runs code from, each file
// once; none of a process that has ended.
func codeOf(pid int) []gobin.Mapping {
	ms, err := gobin.Mappings(pid)
	if err != nil {
		return nil
	}
	var code []gobin.Mapping
	for _, m := range ms {
		known := func(o gobin.Mapping) bool { return o.Path == m.Path }
		if m.Executable() && m.Inode != 0 && !slices.ContainsFunc(code, known) {
			code = append(code, m)
		}
	}
	return code
}

// mapped lists the files that the traced process runs code from, and the
// libraries that its program is going to load.
func (w *world) mapped() ([]located, error) {
	files := []located{w.executable()}
	for _, m := range codeOf(w.pid) {
		path := rootPath(w.pid, m.Path)
		if path != files[0].name {
			files = append(files, located{path, gobin.MappedFile(w.pid, m)})
		}
	}
	for i := 0; i < len(files); i++ {
		for _, lib := range gobin.Needed(files[i].file, w.root()) {
			if !slices.ContainsFunc(files, func(f located) bool { return sameFile(f.file, lib) }) {
				files = append(files, located{lib, lib})
			}
		}
	}
	return files, nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// root is where the file system of the traced process begins.
func (w *world) root() string {
	if w.pid == 0 {
		return ""
	}
	return rootPath(w.pid, "")
}

// runningGo lists the binary of every running Go process but this one.
func (w *world) runningGo() ([]located, error) {
	procs, _, err := w.bins.running.Go()
	if err != nil {
		return nil, err
	}
	var files []located
	for _, p := range procs {
		if p.PID != os.Getpid() && (w.pid == 0 || p.PID == w.pid) {
			files = append(files, located{p.Exe, exePath(p.PID)})
		}
	}
	return files, nil
}

// expand lists the files that a pattern matches: of a path those of that form,
// of a name the programs in PATH and the libraries.
func (w *world) expand(pattern string) ([]located, error) {
	var paths []string
	if strings.Contains(pattern, "/") {
		paths, _ = filepath.Glob(gobin.GlobLiteral(w.root()) + gobin.GlobLiteral(pattern))
		if len(paths) == 0 {
			paths, _ = filepath.Glob(gobin.GlobLiteral(pattern))
		}
	} else {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			found, _ := filepath.Glob(filepath.Join(gobin.GlobLiteral(dir), gobin.GlobLiteral(pattern)))
			paths = append(paths, found...)
		}
		match := gobin.Glob(pattern)
		for _, l := range gobin.Libraries(w.root()) {
			if match(l.Soname) {
				paths = append(paths, w.root()+l.Path)
			}
		}
	}
	here := ""
	if strings.HasPrefix(pattern, "./") {
		here = "./" // which filepath.Glob leaves out
	}
	var files []located
	for _, path := range paths {
		if isBinary(path) && !slices.ContainsFunc(files, func(f located) bool { return sameFile(f.file, path) }) {
			files = append(files, located{here + strings.TrimPrefix(path, w.root()), path})
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no binary matches %q", pattern)
	}
	return files, nil
}

// isBinary tells a program or library from scripts and directories.
func isBinary(path string) bool {
	return isFile(path) && gobin.IsELF(path)
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// find finds the one file that a target names: a path, a program in PATH, or a
// library by its short name ("libc", "libc.so.6", "c"). What the traced process
// has mapped, or finds at the place, comes first.
func (w *world) find(target string) (located, error) {
	if strings.Contains(target, "/") {
		return located{target, w.inProcess(target)}, nil
	}
	if st, err := os.Stat(target); err == nil && st.Mode().IsRegular() {
		return located{target, w.inProcess(target)}, nil
	}
	if p, err := exec.LookPath(target); err == nil {
		return located{p, w.inProcess(p)}, nil
	}
	if w.pid != 0 {
		for _, m := range codeOf(w.pid) {
			if gobin.IsLibrary(filepath.Base(m.Path), target) {
				return located{m.Path, gobin.MappedFile(w.pid, m)}, nil
			}
		}
	}
	for _, l := range gobin.Libraries(w.root()) {
		if path := w.root() + l.Path; gobin.IsLibrary(l.Soname, target) && gobin.IsELF(path) {
			return located{l.Path, path}, nil
		}
	}
	return located{}, &diag.HintError{Msg: fmt.Sprintf("uprobe target file '%s' does not exist or is not executable", target),
		Hint: "it is no file here, no program in PATH and no library"}
}

// inProcess prefers the file that the traced process runs, or finds at the
// path, over the one that lies there for us: it may have been deleted or
// replaced since, or be another in a container.
func (w *world) inProcess(file string) string {
	if w.pid == 0 {
		return file
	}
	exe, err := os.Readlink(exePath(w.pid))
	if err != nil {
		return file
	}
	abs, deleted := strings.CutSuffix(exe, " (deleted)")
	if deleted && filepath.Base(abs) == filepath.Base(file) {
		return exePath(w.pid)
	}
	inside := rootPath(w.pid, file)
	if _, err := os.Stat(inside); err != nil || !filepath.IsAbs(file) || sameFile(inside, file) {
		return file
	}
	return inside
}

// OpenTarget opens the binary that an attach point calls target, as process pid
// has it; "" is the program of that process, pid 0 no process.
func OpenTarget(target string, pid int) (*gobin.File, error) {
	w := &world{pid: pid}
	files, _, err := w.locate(target, prog.KindUprobe)
	switch {
	case err != nil:
		return nil, err
	case len(files) != 1:
		return nil, fmt.Errorf("%s: %d binaries, name one of them", target, len(files))
	}
	f, err := gobin.Open(files[0].file)
	if err != nil {
		return nil, renamed(err, files[0].file, files[0].name)
	}
	return f, nil
}
