package run

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"time"

	"github.com/rpcxray/rpcxray/internal/attach"
	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// session is a script that runs: its maps are fixed, its units come and go.
// Everything happens on one goroutine, in the order of the events.
type session struct {
	opts    Options
	facts   *kernel.Facts
	bins    *binaries
	world   *world
	startNS uint64 // since boot
	bootNS  uint64 // since 1970

	checked   *check.Result
	prog      *prog.Program
	kernel    *attach.Session
	decoder   *events.Decoder
	symbols   *events.Symbols
	spaces    *spaces
	unwinder  *unwinder // nil: the script needs none
	maps      *events.Maps
	losses    *events.Losses
	remarks   *events.Remarks
	reader    *events.Reader
	packets   *packets // nil: the script sends none
	watch     *watch
	guard     *guard
	child     *child
	gapsTold  int    // of the world's gaps
	skipped   int    // functions without a probe
	lost      uint64 // what the output lacks
	stopped   bool
	ending    bool // the end probes run
	status    int
	stopErr   error
	deadline  time.Time
	lastTick  time.Time
	lastSweep time.Time
	lastCalls time.Time          // when it was told which calls are under way
	signals   chan os.Signal     // that self probes wait for; nil: none do
	suspects  map[openFrame]bool // frames that looked stale at the last sweep
	calls     callTables
}

// start creates the maps, loads and runs the begin probes, attaches all units
// and opens the gate.
func (s *session) start(plan *lower.Lowered) error {
	if err := s.refused(plan); err != nil {
		return err
	}
	if err := s.reportSkips(plan.Skipped); err != nil {
		return err
	}
	if len(plan.Units) == 0 && !s.prog.Never && !s.awaitsTargets() {
		return errNoProbes
	}
	if err := s.withinLimits(plan); err != nil {
		return err
	}
	t, err := s.target(plan.Units)
	if err != nil {
		return err
	}
	if s.kernel, err = attach.NewSession(s.facts, codegen.Maps(s.prog, plan.Units, t)); err != nil {
		return err
	}
	if slices.Contains(s.opts.Debug, "verifier") {
		s.kernel.Log = s.opts.Out
	}
	if err := s.openEvents(); err != nil {
		return err
	}
	s.watch = newWatch(s)
	if err := s.watch.allow(s.opts.PID); err != nil {
		return err
	}
	if err := s.allowChild(); err != nil {
		return err
	}
	if s.unwinder, err = newUnwinder(s); err != nil {
		return err
	}
	s.trim() // all that is asked of binaries is in the plans
	units, err := s.load(plan.Units, t)
	if err != nil {
		return err
	}
	s.listen(units)
	if !s.opts.DryRun && !s.verifying() {
		if err := s.runUnits(prog.KindBegin); err != nil {
			return err
		}
	}
	if s.guard, err = newGuard(s); err != nil {
		return err
	}
	if err := s.attach(units); err != nil {
		return err
	}
	if err := s.watch.rest(); err != nil {
		return err
	}
	return s.open()
}

// open opens the gate, unless a begin probe has ended the run, tells that all
// is attached and then prints what the begin probes and iterators sent: before anything that
// a child of -c prints.
func (s *session) open() error {
	var begun [][]byte
	keep := func() error {
		return s.reader.Drain(func(raw []byte) error {
			begun = append(begun, bytes.Clone(raw))
			return nil
		})
	}
	if err := keep(); err != nil {
		return err
	}
	_, ends, err := s.exitCalled()
	if err != nil {
		return err
	}
	if !ends {
		if err := s.kernel.OpenGate(); err != nil {
			return err
		}
		if list, alone := s.iterators(); !alone {
			for _, u := range list {
				if err := u.Iterate(keep); err != nil {
					return err
				}
			}
		}
	}
	set := &events.Settings{Trailer: s.prog.Config.StrTruncTrailer, MaxMapKeys: s.prog.Config.MaxMapKeys}
	if err := s.opts.Sink.Event(set); err != nil {
		return err
	}
	if s.opts.Mode != "" {
		return nil
	}
	if err := s.opts.Sink.Event(&events.Attached{Probes: s.attachedProbes(), Notify: s.opts.Notify}); err != nil {
		return err
	}
	for _, raw := range begun {
		if err := s.handle(raw); err != nil {
			return err
		}
	}
	s.trim()
	return errors.Join(s.lostExit(), s.opts.Sink.Flush())
}

// awaitsTargets tells whether the script probes what may start later.
func (s *session) awaitsTargets() bool {
	for _, pr := range s.prog.Probes {
		for _, p := range pr.Points {
			if p.Target == "*" {
				return true
			}
		}
	}
	return false
}

// nothingToWaitFor tells whether only begin and end probes have something to
// run at, now and later.
func (s *session) nothingToWaitFor() bool {
	for _, u := range s.kernel.Units() {
		if u.Plan.Kind != prog.KindBegin && u.Plan.Kind != prog.KindEnd {
			return false
		}
	}
	return !s.awaitsTargets()
}

var errNoProbes = diag.Sentencef("No probes to attach")

// openEvents connects user space to the maps of the session.
func (s *session) openEvents() error {
	s.spaces = newSpaces(s.bins.opened, func(pid uint32) { s.symbols.Forget(pid) })
	s.symbols = events.NewSymbols(&resolver{s, s.spaces}, s.kernel.Map(codegen.MapStacks))
	if s.namesUserCode() {
		s.spaces.follow()
	}
	s.decoder = events.NewDecoder(s.prog, s.symbols)
	s.losses = events.NewLosses(s.kernel.Map(codegen.MapLosses))
	s.remarks = events.NewRemarks(s.kernel.Map(codegen.MapRemarks))
	s.maps = events.NewMaps(s.prog, s.symbols)
	s.showMaps(s.prog.Maps)
	var err error
	if s.reader, err = events.NewReader(s.kernel.Map(codegen.MapEvents), s.kernel.Map(codegen.MapAsleep)); err != nil {
		return err
	}
	return s.openPackets()
}

// showMaps makes maps of the script known to what prints them.
func (s *session) showMaps(maps []*prog.Map) {
	for _, m := range maps {
		if !m.Hidden {
			s.maps.Add(m, s.kernel.Map(codegen.MapName(m)))
		}
	}
}

// attach links units in order: returns first, so that no call is taken for one
// whose entry was missed.
func (s *session) attach(units []*attach.Unit) error {
	for _, u := range units {
		if err := u.Attach(); err != nil {
			if err := s.refusedUnit(u, err); err != nil {
				return err
			}
			continue
		}
		for _, skip := range u.Skipped {
			s.skipped++
			if err := s.warning("%s at %#x gets no probe: %v", s.bins.name(skip.Site.Func).name, skip.Site.Addr, skip.Reason); err != nil {
				return err
			}
		}
	}
	for _, u := range units {
		u.Plan.Forget()
	}
	return nil
}

// attachedProbes counts the attach points with the functions that each is at,
// however many sites those take.
func (s *session) attachedProbes() int {
	type probe struct {
		point int
		fn    uint32
	}
	probes := map[probe]bool{}
	for _, u := range s.kernel.Units() {
		for _, b := range u.Plan.Bodies {
			for _, site := range u.Plan.Sites {
				probes[probe{b.Group.Of().Index, site.Func}] = true
			}
		}
	}
	return len(probes)
}

// runAll runs the begin or end probes in source order and handles what they
// report.
func (s *session) runAll(kind prog.ProbeKind) error {
	if err := s.runUnits(kind); err != nil {
		return err
	}
	return s.reader.Drain(s.handle)
}

func (s *session) runUnits(kind prog.ProbeKind) error {
	for _, u := range s.kernel.Units() {
		if u.Plan.Kind != kind {
			continue
		}
		if err := u.Run(); err != nil {
			return err
		}
	}
	return nil
}

// trace handles events until the script, the process or the user ends it, then
// runs the end probes and prints the maps.
func (s *session) trace(ctx context.Context, c *child) (int, error) {
	go debug.FreeOSMemory() // compiling took more than what follows does
	s.lastSweep = time.Now()
	if s.calm() {
		s.reader.Calm(calmFor)
	}
	if s.opts.Duration > 0 {
		s.deadline = time.Now().Add(s.opts.Duration)
		defer time.AfterFunc(s.opts.Duration, s.reader.Wake).Stop()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.whenDone(ctx, s.reader.Wake)
	if s.stopped || c == nil && s.nothingToWaitFor() {
		cancel()
	}
	idle := func() error {
		if err := errors.Join(s.selfSignals(), s.lostExit(), s.writePackets(), s.tick()); err != nil {
			return err
		}
		if s.stopped || c.done() || !s.deadline.IsZero() && time.Now().After(s.deadline) {
			cancel()
		}
		return s.opts.Sink.Flush()
	}
	handle := func(raw []byte) error {
		err := s.handle(raw)
		if s.stopped {
			cancel()
		}
		return err
	}
	if err := s.reader.Run(ctx, handle, idle); err != nil {
		return 1, err
	}
	if err := s.finish(); err != nil {
		return 1, err
	}
	return s.status, s.stopErr
}

// calmFor is how long a session that has nobody to watch sleeps without events.
const calmFor = time.Second

// calm tells whether the session waits for events only: no process may end or
// start that its probes are about.
func (s *session) calm() bool {
	if s.opts.PID != 0 || s.child != nil || s.signals != nil || s.packets != nil || s.spaces.watch != nil {
		return false
	}
	for _, pr := range s.prog.Probes {
		for _, p := range pr.Points {
			if p.Kind.User() {
				return false
			}
		}
	}
	return true
}

// tickEvery is how often losses, processes and overhead are looked at.
const tickEvery = 100 * time.Millisecond

func (s *session) tick() error {
	if now := time.Now(); now.Sub(s.lastTick) >= tickEvery {
		s.lastTick = now
		if now.Sub(s.lastSweep) >= sweepEvery {
			s.lastSweep = now
			if err := errors.Join(s.sweep(false), s.sweepCalls(now), s.reportLosses()); err != nil {
				return err
			}
		}
		if s.opts.UnderWay > 0 && now.Sub(s.lastCalls) >= s.opts.UnderWay {
			s.lastCalls = now
			if err := s.tellUnderWay(); err != nil {
				return err
			}
		}
		s.spaces.catchUp()
		return errors.Join(s.unwinder.update(), s.watch.tick(now), s.guard.tick(now), s.reportRemarks())
	}
	return nil
}

// finish reads what is left, runs the end probes, and prints maps and losses.
func (s *session) finish() error {
	if err := s.kernel.CloseGate(); err != nil {
		return err
	}
	if err := errors.Join(s.reader.Drain(s.handle), s.writePackets()); err != nil {
		return err
	}
	s.ending = true
	if err := s.runAll(prog.KindEnd); err != nil {
		return err
	}
	if err := s.reportRemarks(); err != nil {
		return err
	}
	if err := s.opts.Sink.Event(&events.Ended{}); err != nil {
		return err
	}
	if err := s.printMaps(); err != nil {
		return err
	}
	if err := errors.Join(s.sweep(true), s.sweepCalls(time.Now())); err != nil {
		return err
	}
	if err := errors.Join(s.reportLosses(), s.reportMissed()); err != nil {
		return err
	}
	if s.opts.Stats {
		if err := s.reportStats(); err != nil {
			return err
		}
	}
	if err := s.strict(); err != nil {
		return err
	}
	return s.opts.Sink.Flush()
}

func (s *session) printMaps() error {
	if !s.prog.Config.PrintMapsOnExit {
		return nil
	}
	reports, err := s.maps.AtExit()
	if err != nil {
		return err
	}
	for _, r := range reports {
		if err := s.opts.Sink.Event(r); err != nil {
			return err
		}
	}
	return nil
}

// reportRemarks tells what went wrong in the script, and where.
func (s *session) reportRemarks() error {
	remarks, err := s.remarks.Read()
	if err != nil || s.opts.NoWarnings {
		return err
	}
	for _, r := range remarks {
		if err := s.opts.Sink.Event(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) reportLosses() error {
	losses, err := s.losses.Read()
	if err != nil {
		return err
	}
	for _, l := range losses {
		if isLoss(l.Kind) {
			s.lost += l.Count
		}
		if l.Kind == prog.LossMapFull {
			l.Full = s.maps.Full()
		}
		if err := s.opts.Sink.Event(l); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) close() {
	if s.signals != nil {
		signal.Stop(s.signals)
	}
	if s.reader != nil {
		s.reader.Close()
	}
	s.packets.close()
	if s.kernel != nil {
		s.kernel.Close()
	}
	if s.spaces != nil {
		s.spaces.close()
	}
	s.bins.close()
}

// namesUserCode tells whether the script prints names of what user programs run.
func (s *session) namesUserCode() bool {
	found := false
	for _, b := range s.checked.Bodies {
		prog.Rewrite(b.Stmts, func(e prog.Expr) prog.Expr {
			t := e.Type()
			found = found || t != nil && (t.Kind == types.Stack && t.User || t.Kind == types.USym)
			return e
		})
	}
	return found
}
