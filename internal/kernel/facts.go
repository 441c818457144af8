package kernel

import (
	"fmt"
	"os"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// Facts keeps what is known about the running kernel. Each fact is found when
// it is first asked for.
type Facts struct {
	// cache is cilium/ebpf's of the kernel's types, filled if a program needs it.
	cache *btf.Cache

	probes   [featureCount]probe
	outcomes [featureCount]outcome
	tracefs  func() (*Tracefs, error)
	btf      func() (*BTF, error)
	symbols  func() (*Symbols, error)
}

// outcome is what probing one feature gave.
type outcome struct {
	mu     sync.Mutex
	probed bool
	detail string
	err    error
}

// Detect returns facts that are still to be found: it does nothing itself.
func Detect() *Facts {
	return &Facts{
		cache:   btf.NewCache(),
		probes:  probes(),
		tracefs: sync.OnceValues(OpenTracefs),
		btf:     sync.OnceValues(OpenBTF),
		symbols: sync.OnceValues(LoadSymbols),
	}
}

// Tracefs returns the trace event files.
func (f *Facts) Tracefs() (*Tracefs, error) { return f.tracefs() }

// UseTraceable makes [Tracefs.Functions] read a file of the form of the kernel's
// own. Call it before Tracefs.
func (f *Facts) UseTraceable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("list of kernel functions: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("list of kernel functions: %w", err)
	}
	open := f.tracefs
	f.tracefs = sync.OnceValues(func() (*Tracefs, error) {
		t, err := open()
		if err == nil {
			t.functions = path
		}
		return t, err
	})
	return nil
}

// BTF returns the kernel's type information.
func (f *Facts) BTF() (*BTF, error) { return f.btf() }

// Symbols returns the kernel's symbols.
func (f *Facts) Symbols() (*Symbols, error) { return f.symbols() }

// Has tells whether the kernel has a feature that this process may use.
func (f *Facts) Has(id FeatureID) bool { return f.Require(id) == nil }

// Foresee begins to probe features that are going to be asked for.
func (f *Facts) Foresee(ids ...FeatureID) {
	go func() {
		for _, id := range ids {
			f.probe(id)
		}
	}()
}

// Require returns nil if the feature works, else an [*UnsupportedError].
func (f *Facts) Require(id FeatureID) error {
	if r := f.probe(id); r.Err != nil {
		return &UnsupportedError{Feature: id, Cause: r.Err}
	}
	return nil
}

// Refuse notes that a feature, though found, was refused in use; from then on
// it counts as absent, so that what is planned again is planned without it.
func (f *Facts) Refuse(id FeatureID, cause error) {
	o := &f.outcomes[id]
	o.mu.Lock()
	defer o.mu.Unlock()
	o.probed, o.detail, o.err = true, "", cause
}

// Result is the outcome of probing a feature.
type Result struct {
	Feature Feature
	Detail  string // what else was seen, such as a setting's value; may be empty
	Err     error  // nil: found; else the kernel's reason
}

// Probe tries every feature, in the order of [Features]. It takes some tenths
// of a second.
func (f *Facts) Probe() []Result {
	results := make([]Result, featureCount)
	for id := range featureCount {
		results[id] = f.probe(id)
	}
	return results
}

func (f *Facts) probe(id FeatureID) Result {
	o := &f.outcomes[id]
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.probed {
		o.detail, o.err = f.probes[id](f)
		o.probed = true
	}
	return Result{Feature: featureTable[id], Detail: o.detail, Err: o.err}
}
