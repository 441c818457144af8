package check

import "github.com/rpcxray/rpcxray/internal/prog"

// Kinds is a set of probe kinds. The zero value means all of them.
type Kinds uint32

// The kinds by what their probes have in common.
const (
	onBegin Kinds = 1 << iota
	onEnd
	onSelf
	onInterval
	onProfile
	onSoftware
	onHardware
	onTracepoint
	onRawTracepoint
	onUprobe
	onUretprobe
	onUSDT
	onKprobe
	onKretprobe
	onFentry
	onFexit
	onWatchpoint
	onIter
	onTest
	onBench
	onRPC

	// onListed are the kinds that a pattern for the kind may mean.
	onListed = onSoftware | onHardware | onTracepoint | onRawTracepoint | onKernelFunc | onUser

	onAll        = onRPC<<1 - 1
	onOwn        = onBegin | onEnd | onSelf | onTest | onBench // in rpcxray's own process
	onKernelFunc = onKprobe | onKretprobe | onFentry | onFexit
	onFunction   = onKernelFunc | onUprobe | onUretprobe | onUSDT
	onReturn     = onUretprobe | onKretprobe | onFexit
	onEntry      = onUprobe | onKprobe | onUSDT
	onUser       = onUprobe | onUretprobe | onUSDT
	onRegisters  = onKprobe | onUprobe | onUretprobe | onUSDT | onProfile | onInterval | onSoftware | onHardware | onWatchpoint
)

func (k Kinds) has(kind prog.ProbeKind) bool { return k == 0 || k&(1<<kind) != 0 }

// Names lists the kinds of the set by their full names, nil for all of them.
func (k Kinds) Names() []string {
	if k == 0 {
		return nil
	}
	var names []string
	for _, info := range kinds() {
		if k.has(info.kind) {
			names = append(names, info.name)
		}
	}
	return names
}

// kindInfo is what check knows of a kind of probe.
type kindInfo struct {
	name  string
	kind  prog.ProbeKind
	sites bool // the world knows where it fires
}

// kinds lists every provider by its full name.
func kinds() []kindInfo {
	return []kindInfo{
		{name: "begin", kind: prog.KindBegin},
		{name: "end", kind: prog.KindEnd},
		{name: "self", kind: prog.KindSelf},
		{name: "interval", kind: prog.KindInterval},
		{name: "profile", kind: prog.KindProfile},
		{name: "software", kind: prog.KindSoftware},
		{name: "hardware", kind: prog.KindHardware},
		{name: "tracepoint", kind: prog.KindTracepoint, sites: true},
		{name: "rawtracepoint", kind: prog.KindRawTracepoint, sites: true},
		{name: "uprobe", kind: prog.KindUprobe, sites: true},
		{name: "uretprobe", kind: prog.KindUretprobe, sites: true},
		{name: "usdt", kind: prog.KindUSDT, sites: true},
		{name: "rpc", kind: prog.KindRPC, sites: true},
		{name: "kprobe", kind: prog.KindKprobe, sites: true},
		{name: "kretprobe", kind: prog.KindKretprobe, sites: true},
		{name: "fentry", kind: prog.KindFentry, sites: true},
		{name: "fexit", kind: prog.KindFexit, sites: true},
		{name: "watchpoint", kind: prog.KindWatchpoint},
		{name: "iter", kind: prog.KindIter, sites: true},
		{name: "test", kind: prog.KindTest},
		{name: "bench", kind: prog.KindBench},
	}
}

func kindOf(name string) (kindInfo, bool) {
	for _, k := range kinds() {
		if k.name == name {
			return k, true
		}
	}
	return kindInfo{}, false
}

// counter is a software event with the number of events that make a sample
// unless the script says so.
type counter struct {
	name, alias string
	period      uint64
}

// CounterNames lists the events of software or hardware probes, by their names and
// their short ones.
func CounterNames(kind string) []string {
	events := softwareEvents()
	if kind == "hardware" {
		events = hardwareEvents()
	}
	var names []string
	for _, e := range events {
		names = append(names, e.name)
		if e.alias != "" {
			names = append(names, e.alias)
		}
	}
	return names
}

func softwareEvents() []counter {
	return []counter{
		{"alignment-faults", "", 1}, {"bpf-output", "", 1}, {"context-switches", "cs", 1000},
		{"cpu-clock", "cpu", 1_000_000}, {"cpu-migrations", "", 1}, {"dummy", "", 1},
		{"emulation-faults", "", 1}, {"major-faults", "", 1}, {"minor-faults", "", 100},
		{"page-faults", "faults", 100}, {"task-clock", "", 1},
	}
}

func hardwareEvents() []counter {
	return []counter{
		{"backend-stalls", "", 1_000_000}, {"branch-instructions", "branches", 100_000}, {"branch-misses", "", 100_000},
		{"bus-cycles", "", 100_000}, {"cache-misses", "", 1_000_000}, {"cache-references", "", 1_000_000},
		{"cpu-cycles", "cycles", 1_000_000}, {"frontend-stalls", "", 1_000_000}, {"instructions", "", 1_000_000},
		{"ref-cycles", "", 1_000_000},
	}
}

// watchModes are the accesses that an architecture's debug registers tell apart,
// as the language writes them, by its name in messages.
func watchModes() map[string][]string {
	return map[string][]string{
		"x86_64":  {"w", "x", "rw"},
		"aarch64": {"r", "w", "x", "rw"},
	}
}
