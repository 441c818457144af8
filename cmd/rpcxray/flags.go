package main

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/run"
)

// maxPID is the highest process id that Linux gives (PID_MAX_LIMIT).
const maxPID = 1 << 22

// pidFlag is -p; 0 is none.
type pidFlag int

// Set implements pflag.Value.
func (p *pidFlag) Set(s string) error {
	n, err := strconv.ParseInt(s, 0, 32)
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

// onceFlag is a switch. bpftrace had -kk, which is told instead of taken for -k.
type onceFlag bool

// Set implements pflag.Value.
func (o *onceFlag) Set(s string) error {
	if *o {
		return diag.Sentencef("-k is given twice: once is enough, it warns of all that fails at run time.")
	}
	v, err := strconv.ParseBool(s)
	*o = onceFlag(v)
	return err
}

// Type implements pflag.Value.
func (*onceFlag) Type() string { return "bool" }

// String implements pflag.Value.
func (o *onceFlag) String() string { return strconv.FormatBool(bool(*o)) }

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

// featuresFlag is --no-feature: names of kernel features divided by commas.
type featuresFlag []kernel.FeatureID

// features are those that a script can do without.
var features = []string{"kprobe_multi", "kprobe_session", "uprobe_multi"}

// Set implements pflag.Value.
func (l *featuresFlag) Set(s string) error {
	for _, name := range strings.Split(s, ",") {
		switch name {
		case "kprobe_multi":
			*l = append(*l, kernel.FeatureKprobeMulti)
		case "uprobe_multi":
			*l = append(*l, kernel.FeatureUprobeMulti)
		case "kprobe_session": // not made use of
		default:
			return fmt.Errorf("it can only have values '%s'", strings.Join(features, ","))
		}
	}
	return nil
}

// Type implements pflag.Value.
func (*featuresFlag) Type() string { return "FEATURE,..." }

// String implements pflag.Value.
func (*featuresFlag) String() string { return "" }

// patternFlag is a regular expression.
type patternFlag struct{ *regexp.Regexp }

// Set implements pflag.Value.
func (p *patternFlag) Set(s string) (err error) {
	if p.Regexp, err = regexp.Compile(s); err != nil {
		return diag.Sentencef("Invalid --probe-filter regex '%s': %v", s, err)
	}
	return nil
}

// Type implements pflag.Value.
func (*patternFlag) Type() string { return "REGEXP" }

// String implements pflag.Value.
func (*patternFlag) String() string { return "" }

// stagesFlag is -d: stages of the pipeline, also by bpftrace's names for them.
type stagesFlag []string

// Set implements pflag.Value.
func (l *stagesFlag) Set(s string) error {
	stages := map[string][]string{
		"parse": {"ast"}, "types": {"check"}, "codegen": {"lower"}, "codegen-opt": {"ir"}, "dis": {"insns"},
		"libbpf": {"maps"}, "all": run.Stages,
	}[s]
	if slices.Contains(run.Stages, s) {
		stages = []string{s}
	}
	if stages == nil {
		return fmt.Errorf("no stage is called that; the stages are %s", strings.Join(run.Stages, ", "))
	}
	*l = append(*l, stages...)
	return nil
}

// Type implements pflag.Value.
func (*stagesFlag) Type() string { return "STAGE" }

// String implements pflag.Value.
func (*stagesFlag) String() string { return "" }

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
