package main

import (
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/rpcxray/rpcxray/internal/tools"
)

const (
	scriptShare = 5 // times faster than bpftrace
	// plainScript is what bpftrace starts soonest with a probe of the kernel.
	plainScript = `tracepoint:syscalls:sys_enter_getppid { @ = count(); }`
)

// scripts measures the start of every tool's script. bpftrace does not know their
// macros and calls; what its simplest script takes is less than any of its own.
func (b *bench) scripts() ([]row, error) {
	texts, err := b.toolScripts()
	if err != nil {
		return nil, err
	}
	texts["the simplest script"] = plainScript
	var plain []time.Duration
	took := map[string][]time.Duration{}
	for range b.rounds {
		for name, text := range texts {
			one, err := b.starts(b.ours, text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			took[name] = append(took[name], one)
		}
		if b.peer != nil {
			one, err := b.starts(*b.peer, plainScript)
			if err != nil {
				return nil, err
			}
			plain = append(plain, one)
		}
	}
	slowest, sum := "the simplest script", time.Duration(0)
	for name := range took {
		if sum += median(took[name]); median(took[name]) > median(took[slowest]) {
			slowest = name
		}
	}
	what := fmt.Sprintf("start to attached, the slowest of %d scripts of tools (%s); bpftrace: its simplest", len(took)-1, slowest)
	mean := sum / time.Duration(len(took))
	return []row{
		compared("start to attached, one tracepoint", took["the simplest script"], plain, milliseconds, scriptShare),
		compared(what, took[slowest], plain, milliseconds, scriptShare),
		compared("the mean of them", []time.Duration{mean}, plain, milliseconds, scriptShare),
	}, nil
}

// toolScripts are the scripts of all tools, by the commands that print them.
func (b *bench) toolScripts() (map[string]string, error) {
	var commands [][]string
	for _, t := range tools.All() {
		if t.Name == "agent" { // it starts what runs here: that is not the same on every machine
			continue
		}
		argv := []string{t.Name}
		if t.MinArgs > 0 {
			argv = append(argv, b.load+":main.work")
		}
		commands = append(commands, argv)
	}
	for i, t := range tools.RPC() {
		argv := []string{"rpc", t.Name, b.server}
		if i == 0 {
			argv = []string{"rpc", b.server}
		}
		commands = append(commands, argv)
	}
	texts := map[string]string{}
	for _, argv := range commands {
		text, err := exec.Command(b.ours.argv[0], append(argv, "--script")...).Output()
		if err != nil {
			return nil, fmt.Errorf("%v: %w", argv, err)
		}
		texts[strings.Join(argv[:max(1, len(argv)-1)], " ")] = string(text)
	}
	return texts, nil
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
