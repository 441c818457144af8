package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// maxPID is the highest process id that Linux gives (PID_MAX_LIMIT).
const maxPID = 1 << 22

// pidFlag is -p; 0 is none.
type pidFlag int

// Set implements pflag.Value.
func (p *pidFlag) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxPID {
		return fmt.Errorf("a process id is a number from 1 to %d; rpcxray ps lists Go processes", maxPID)
	}
	*p = pidFlag(n)
	return nil
}

// Type implements pflag.Value.
func (*pidFlag) Type() string { return "PID" }

// String implements pflag.Value.
func (p *pidFlag) String() string { return strconv.Itoa(int(*p)) }

// overheadFlag is --max-overhead: CPUs, 0 for no limit.
type overheadFlag float64

// defaultOverhead is half a CPU.
const defaultOverhead overheadFlag = 0.5

// Set implements pflag.Value.
func (o *overheadFlag) Set(s string) error {
	v, err := parseOverhead(s)
	if err == nil {
		*o = overheadFlag(v)
	}
	return err
}

// Type implements pflag.Value.
func (*overheadFlag) Type() string { return "SHARE" }

// String implements pflag.Value.
func (o *overheadFlag) String() string {
	if *o == 0 {
		return "none"
	}
	return strconv.FormatFloat(100*float64(*o), 'g', -1, 64) + "%"
}

// parseOverhead reads a share of a CPU: "50%", "0.5", "none".
func parseOverhead(s string) (float64, error) {
	if s == "none" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("it is a share of a CPU above 0, such as 50%% or 0.5, or none")
	}
	return v, nil
}

// choiceFlag is one of some words.
type choiceFlag struct {
	value   string
	choices []string
}

// Set implements pflag.Value.
func (c *choiceFlag) Set(s string) error {
	for _, word := range c.choices {
		if s == word {
			c.value = s
			return nil
		}
	}
	return fmt.Errorf("it is one of %s", strings.Join(c.choices, ", "))
}

// Type implements pflag.Value.
func (*choiceFlag) Type() string { return "WORD" }

// String implements pflag.Value.
func (c *choiceFlag) String() string { return c.value }

// notice is the line of output that programs which drive bpftrace wait for, where
// their environment asks for it.
func notice() string {
	const word = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
	if os.Getenv(word) == "" {
		return ""
	}
	return word
}

// environment returns the settings that bpftrace's users keep in BPFTRACE_*.
func environment() map[string]string {
	env := map[string]string{}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if short, ok := strings.CutPrefix(name, "BPFTRACE_"); ok {
			env[short] = value
		}
	}
	return env
}
