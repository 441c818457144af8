package attach

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/kernel"
)

// Session holds the maps that all units of a script share, and the units.
// Its methods may be called concurrently.
type Session struct {
	// Log takes what the verifier tells of programs that it accepts; nil: that is not
	// asked for.
	Log io.Writer

	facts *kernel.Facts

	mu    sync.Mutex
	maps  map[string]*ebpf.Map
	units []*Unit
	spare sync.Once // entries of the map of stacks are kept ready

	closing  sync.WaitGroup
	closeErr error // of what closeBeside has closed
}

// NewSession creates the maps of specs. Errors name the map.
func NewSession(facts *kernel.Facts, specs map[string]*ebpf.MapSpec) (*Session, error) {
	s := &Session{facts: facts, maps: map[string]*ebpf.Map{}}
	if err := s.AddMaps(specs); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// AddMaps creates those maps of specs that the session does not have yet, at once: the
// kernel fills large ones.
func (s *Session) AddMaps(specs map[string]*ebpf.MapSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Collect(maps.Keys(specs))
	names = slices.DeleteFunc(names, func(name string) bool { return s.maps[name] != nil })
	made, errs := make([]*ebpf.Map, len(names)), make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { made[i], errs[i] = ebpf.NewMap(specs[name]) })
	}
	wg.Wait()
	var failure error
	for i, name := range names {
		if spec := specs[name]; errs[i] != nil {
			failure = fmt.Errorf("map %s (%d entries of %d bytes): %w", name, spec.MaxEntries, spec.KeySize+spec.ValueSize, tooLong(spec, errs[i]))
			continue
		}
		s.maps[name] = made[i]
	}
	return failure
}

// Map returns the map called name, nil if the session has none.
func (s *Session) Map(name string) *ebpf.Map {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maps[name]
}

// gateMap is the one-element array that programs test before anything else.
const gateMap = "gate"

// OpenGate lets programs count; CloseGate makes them leave at once.
func (s *Session) OpenGate() error  { return s.setGate(1) }
func (s *Session) CloseGate() error { return s.setGate(0) }

func (s *Session) setGate(v uint32) error {
	if err := s.Map(gateMap).Put(uint32(0), v); err != nil {
		return fmt.Errorf("setting the gate: %w", err)
	}
	return nil
}

// Units returns the units that are loaded, in the order in which they were added.
func (s *Session) Units() []*Unit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Unit(nil), s.units...)
}

// Add has the session own a unit that it has loaded.
func (s *Session) Add(u *Unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.units = append(s.units, u)
}

// Drop detaches u and forgets it.
func (s *Session) Drop(u *Unit) error {
	s.mu.Lock()
	for i, other := range s.units {
		if other == u {
			s.units = append(s.units[:i], s.units[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	return u.close()
}

// Detach removes every probe, entries before returns; maps stay readable.
func (s *Session) Detach() error {
	var errs []error
	units := s.Units()
	for i := len(units) - 1; i >= 0; i-- {
		errs = append(errs, units[i].Detach())
	}
	return errors.Join(errs...)
}

// closeBeside closes c while others go on: taking probes away waits for all CPUs, some
// milliseconds.
func (s *Session) closeBeside(c io.Closer) {
	s.closing.Go(func() {
		err := c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closeErr = errors.Join(s.closeErr, err)
	})
}

// Close detaches all units, at once, and closes all descriptors: for each link the
// kernel waits until no CPU runs its program, some milliseconds.
func (s *Session) Close() error {
	units := s.Units()
	errs := make([]error, len(units))
	var wg sync.WaitGroup
	for i, u := range units {
		wg.Go(func() { errs[i] = s.Drop(u) })
	}
	wg.Wait()
	s.closing.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	errs = append(errs, s.closeErr)
	for name, m := range s.maps {
		errs = append(errs, m.Close())
		delete(s.maps, name)
	}
	return errors.Join(errs...)
}

// keyBytes is how long keys of hash maps may be on kernels before 5.19.
const keyBytes = 512

// tooLong explains the error of a map that older kernels refuse for its keys.
func tooLong(spec *ebpf.MapSpec, err error) error {
	if spec.KeySize <= keyBytes || !errors.Is(err, unix.E2BIG) {
		return err
	}
	return fmt.Errorf("its keys have %d bytes, this kernel takes %d: cut the strings in them, as str(x, 64) and path(x, 64) do", spec.KeySize, keyBytes)
}
