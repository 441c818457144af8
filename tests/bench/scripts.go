package main

import (
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/tools"
)

const (
	scriptShare = 5 // times faster than bpftrace
	plainScript = `tracepoint:syscalls:sys_enter_getppid { @ = count(); }`
)

// toolScript is what a tool runs, and a script for bpftrace that compares.
type toolScript struct {
	name, ours, peer string
	took, peerTook   []time.Duration
}

// scripts measures the start of every tool's script. bpftrace does not know their
// macros and calls; it gets scripts with the same probes and programs as long as ours.
func (b *bench) scripts() ([]row, error) {
	list, err := b.toolScripts()
	if err != nil {
		return nil, err
	}
	plain := &toolScript{name: "the simplest script", ours: plainScript, peer: plainScript}
	for range b.rounds {
		for _, s := range append([]*toolScript{plain}, list...) {
			if err := b.startBoth(s); err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	worst := list[0]
	var ours, peers time.Duration
	for _, s := range list {
		ours += median(s.took)
		if b.peer != nil {
			peers += median(s.peerTook)
		}
		if s.share() > worst.share() {
			worst = s
		}
	}
	n := time.Duration(len(list))
	mean := []time.Duration{ours / n}
	var peerMean []time.Duration
	if b.peer != nil {
		peerMean = []time.Duration{peers / n}
	}
	return []row{
		compared("start to attached, one tracepoint", plain.took, plain.peerTook, milliseconds, scriptShare),
		compared(fmt.Sprintf("the mean of %d scripts of tools; bpftrace: as many probes and instructions", n), mean, peerMean, milliseconds, scriptShare),
		compared("the one nearest to the limit, "+worst.name, worst.took, worst.peerTook, milliseconds, scriptShare),
	}, nil
}

// share is how long the script takes of what bpftrace's takes; without bpftrace in
// nanoseconds.
func (s *toolScript) share() float64 {
	if len(s.peerTook) == 0 {
		return float64(median(s.took))
	}
	return float64(median(s.took)) / float64(median(s.peerTook))
}

func (b *bench) startBoth(s *toolScript) error {
	one, err := b.starts(b.ours, s.ours)
	if err != nil {
		return err
	}
	s.took = append(s.took, one)
	if b.peer == nil {
		return nil
	}
	if one, err = b.starts(*b.peer, s.peer); err != nil {
		return fmt.Errorf("bpftrace: %w", err)
	}
	s.peerTook = append(s.peerTook, one)
	return nil
}

// toolScripts are the scripts of all tools.
func (b *bench) toolScripts() ([]*toolScript, error) {
	var list []*toolScript
	add := func(name, binary string, argv ...string) error {
		text, err := exec.Command(b.ours.argv[0], append(argv, "--script")...).Output()
		if err != nil {
			return fmt.Errorf("%v: %w", argv, err)
		}
		peer, err := b.peerScript(string(text), binary)
		list = append(list, &toolScript{name: name, ours: string(text), peer: peer})
		return err
	}
	for _, t := range tools.All() {
		if t.Name == "agent" { // it starts what runs here: that is not the same on every machine
			continue
		}
		argv := []string{t.Name}
		if t.MinArgs > 0 {
			argv = append(argv, b.load+":main.work")
		}
		if err := add(t.Name, b.load, argv...); err != nil {
			return nil, err
		}
	}
	for i, t := range tools.RPC() {
		argv := []string{"rpc", t.Name, b.server}
		if i == 0 {
			argv = []string{"rpc", b.server}
		}
		if err := add("rpc "+t.Name, b.server, argv...); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// peerScript is a script with the probes of ours, each as long as it is there. What it
// does is the cheapest that bpftrace compiles to so many instructions.
func (b *bench) peerScript(script, binary string) (string, error) {
	const statement = 28 // instructions of bpftrace for one
	sizes, err := b.stage("insns", script)
	if err != nil {
		return "", err
	}
	instructions, unit := map[string]int{}, ""
	for _, line := range sizes {
		if name, ok := strings.CutPrefix(line, "unit "); ok {
			unit = name
		} else if strings.HasPrefix(line, "\t") {
			instructions[unit]++
		}
	}
	sites, err := b.stage("sites", script)
	if err != nil {
		return "", err
	}
	trace, err := kernel.OpenTracefs()
	if err != nil {
		return "", err
	}
	defer trace.Close()
	var out strings.Builder
	for _, line := range sites {
		unit, rest, _ := strings.Cut(line, " ")
		point := peerPoint(rest, binary, trace)
		if point == "" {
			continue
		}
		fmt.Fprintf(&out, "%s {", point)
		for i := range instructions[unit]/statement + 1 {
			fmt.Fprintf(&out, " @m[tid, %d] = nsecs;", i)
		}
		out.WriteString(" }\n")
	}
	return out.String(), nil
}

// peerPoint is the attach point of a line of -d sites; "" for what is no probe of a
// program or tracepoint.
func peerPoint(site, binary string, trace *kernel.Tracefs) string {
	addr, _, _ := strings.Cut(site, " ")
	if addr != "0x0" {
		return "uprobe:" + binary + ":" + addr
	}
	name := site[strings.LastIndex(site, ": ")+2:]
	if strings.Contains(name, ":") {
		return "tracepoint:" + name
	}
	// bpftrace finds no raw tracepoints where no module has types.
	if found, err := trace.Tracepoints("*", name); name != "" && err == nil && len(found) > 0 {
		return "tracepoint:" + found[0]
	}
	return ""
}

// stage prints an arrow of the pipeline of a script, as lines.
func (b *bench) stage(name, script string) ([]string, error) {
	out, err := exec.Command(b.ours.argv[0], "run", "-d", name, "-e", script).Output()
	if err != nil {
		return nil, fmt.Errorf("run -d %s: %w", name, err)
	}
	return strings.Split(strings.TrimRight(string(out), "\n"), "\n"), nil
}

// starts is how long the tool takes until a script's probes are attached.
func (b *bench) starts(t tool, script string) (time.Duration, error) {
	tr, err := t.trace(script, nil)
	if err != nil {
		return 0, err
	}
	_, err = tr.stop()
	return tr.took, err
}
