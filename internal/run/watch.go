package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// ErrProcessEnded is the end of a run whose process ended and did not start
// again.
var ErrProcessEnded = errors.New("the traced process ended")

// restartGrace is how long a process that ended may take to start again, as a
// supervised service does.
const restartGrace = 3 * time.Second

// rescanEvery is how often targets are looked up again.
const rescanEvery = time.Second

// watch is discovery while the session lives: the process of -p and its
// successor, binaries that were replaced, and what starts later.
type watch struct {
	s        *session
	pid      int
	pidfd    int
	exe      string
	args     string       // as the kernel keeps them
	others   map[int]bool // ran the executable when the session began
	gone     time.Time
	lastScan time.Time
	bound    map[boundTo]bool
}

// boundTo is an attach point and a binary it was expanded in, with success or
// not.
type boundTo struct {
	point  *prog.Point
	target string
}

func newWatch(s *session) *watch {
	w := &watch{s: s, pidfd: -1, lastScan: time.Now(), bound: map[boundTo]bool{}}
	for _, b := range s.checked.Bodies {
		if t := b.Group.Target; t != nil {
			w.bound[boundTo{b.Group.Of(), t.ID}] = true
		}
	}
	return w
}

// allow lets programs count in process pid; 0 is no process of -p.
func (w *watch) allow(pid int) error {
	if pid == 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	exe, err := os.Readlink(exePath(pid))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) { // kernel threads have none; others are hidden
		unix.Close(fd)
		return fmt.Errorf("process %d: %w", pid, err)
	}
	w.pid, w.pidfd, w.gone = pid, fd, time.Time{}
	w.exe, w.args = strings.TrimSuffix(exe, " (deleted)"), cmdline(pid)
	if w.others == nil {
		w.others = map[int]bool{}
		for _, other := range w.runningIt() {
			w.others[other] = true
		}
	}
	return w.s.kernel.Map(codegen.MapPIDs).Put(uint32(pid), uint32(1))
}

func (w *watch) tick(now time.Time) error {
	if w.pid != 0 {
		if err := w.process(now); err != nil {
			return err
		}
	}
	if now.Sub(w.lastScan) < rescanEvery {
		return nil
	}
	w.lastScan = now
	return w.rescan()
}

// process notices the end of the process of -p and looks for its successor.
func (w *watch) process(now time.Time) error {
	if w.gone.IsZero() {
		if !ended(w.pidfd) {
			return nil
		}
		unix.Close(w.pidfd)
		w.gone = now
		w.s.symbols.Forget(uint32(w.pid))
		if err := w.s.kernel.Map(codegen.MapPIDs).Delete(uint32(w.pid)); err != nil {
			return err
		}
		if err := w.s.info("process %d (%s) ended; waiting %v for it to start again", w.pid, w.exe, restartGrace); err != nil {
			return err
		}
	}
	if next := w.successor(); next != 0 {
		return w.adopt(next)
	}
	if now.Sub(w.gone) > restartGrace {
		w.s.stop(0, fmt.Errorf("%w: process %d (%s)", ErrProcessEnded, w.pid, w.exe))
	}
	return nil
}

func ended(pidfd int) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

func cmdline(pid int) string {
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return string(args)
}

// successor finds a process that does the same and was started while the
// session lived: others that run the executable were never asked for.
func (w *watch) successor() int {
	for _, pid := range w.runningIt() {
		if !w.others[pid] && cmdline(pid) == w.args {
			return pid
		}
	}
	return 0
}

// runningIt lists the processes other than the traced one that run its
// executable's path.
func (w *watch) runningIt() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == w.pid {
			continue
		}
		if exe, err := os.Readlink(exePath(pid)); err == nil && exe == w.exe {
			pids = append(pids, pid)
		}
	}
	return pids
}

// adopt goes on with the process that took the traced one's place.
func (w *watch) adopt(pid int) error {
	old := w.pid
	if err := w.allow(pid); err != nil {
		return nil // it ended meanwhile: the search goes on
	}
	w.s.world.pid = pid
	if err := w.rescan(); err != nil {
		return err
	}
	return w.s.info("process %d took the place of %d", pid, old)
}

// rescan binds probes to binaries that have come since.
func (w *watch) rescan() error {
	return w.points(func(p *prog.Point) bool {
		return p.Kind == prog.KindUprobe || p.Kind == prog.KindUretprobe || p.Kind == prog.KindRPC
	})
}

// rest binds probes of calls to the services behind the first, one by one: what is known
// of a binary takes some MB while it is bound.
func (w *watch) rest() error { return w.points(everyService) }

// everyService tells whether p stands for the calls of all programs.
func everyService(p *prog.Point) bool { return p.Kind == prog.KindRPC && p.Target == "*" }

func (w *watch) points(wanted func(*prog.Point) bool) error {
	for _, pr := range w.s.prog.Probes {
		for _, p := range pr.Points {
			if !wanted(p) {
				continue
			}
			if err := w.point(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *watch) point(p *prog.Point) error {
	bins, err := w.s.world.targets(p)
	if err != nil {
		return nil // gone for now; what was attached stays
	}
	known := len(w.bound)
	defer func() {
		if len(w.bound) > known {
			w.s.trim()
		}
	}()
	for _, b := range bins {
		key := boundTo{p, b.target.ID}
		if w.bound[key] {
			continue
		}
		w.bound[key] = true
		if p.Target == "*" && !matchesIn(p, b) {
			continue // most programs have nothing of the kind
		}
		err := w.s.bind(p, b)
		if p.Target == "*" && errors.Is(err, errNoFramework) {
			continue // nobody asked for this program
		}
		if err != nil {
			if err := w.s.warning("%s: %v", b.target.Path, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func matchesIn(p *prog.Point, b *binary) bool {
	if p.Kind == prog.KindRPC {
		return true // bind tells
	}
	fns, err := matching(p, b.file)
	return err != nil || len(fns) > 0
}

// bind compiles and attaches the point's probe for a binary that came later.
// The types of maps that are in use are fixed by then.
func (s *session) bind(p *prog.Point, b *binary) error {
	groups, err := s.world.groupsIn(p, b)
	if err != nil {
		return err
	}
	diags := diag.NewList(s.opts.Source)
	known := len(s.prog.Maps)
	bodies := s.checked.Bind(p, groups, diags)
	if err := s.tellFound(); err != nil {
		return err
	}
	if err := diags.Err(); err != nil {
		return err
	}
	plan := lower.Lower(bodies, s.planner(), archs[string(s.world.arch)])
	if err := s.reportSkips(plan.Skipped); err != nil {
		return err
	}
	s.decoder.Update(s.prog)
	t, err := s.target(plan.Units)
	if err != nil {
		return err
	}
	if err := s.kernel.AddMaps(codegen.Maps(s.prog, plan.Units, t)); err != nil {
		return err
	}
	s.showMaps(s.prog.Maps[known:])
	if p.Target == "*" {
		b.file.Forget() // all that is asked of it is in the plan
	}
	units, err := s.load(plan.Units, t)
	if err != nil {
		return err
	}
	return s.attach(units)
}
