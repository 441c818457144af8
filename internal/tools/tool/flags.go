package tool

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/kernel"
)

// Seconds is a flag with a time: a number of seconds, or a duration such as
// 500ms. It is at least a millisecond.
type Seconds struct{ time.Duration }

// maxSeconds keeps times in nanoseconds far from overflow: 31 years.
const maxSeconds = 1e9

// Set implements pflag.Value.
func (s *Seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if n, numErr := strconv.ParseFloat(text, 64); numErr == nil && n <= maxSeconds {
		d, err = time.Duration(math.Round(n*1e6))*time.Microsecond, nil
	}
	if err != nil || d < time.Millisecond || d > maxSeconds*time.Second {
		return errors.New("a time above 0 in seconds, or one such as 500ms, is needed")
	}
	s.Duration = d
	return nil
}

// Type implements pflag.Value.
func (s *Seconds) Type() string { return "seconds" }

// String implements pflag.Value.
func (s *Seconds) String() string {
	if s.Duration == 0 {
		return ""
	}
	return s.Duration.String()
}

// Threshold is a flag with a time in a unit, fractions allowed.
type Threshold struct {
	Unit time.Duration
	time.Duration
}

// Set implements pflag.Value.
func (t *Threshold) Set(text string) error {
	n, err := strconv.ParseFloat(text, 64)
	ns := n * float64(t.Unit)
	if err != nil || !(ns >= 0) || ns > math.MaxInt64/2 {
		return errors.New("a number of 0 or more is needed")
	}
	t.Duration = time.Duration(math.Round(ns))
	return nil
}

// Type implements pflag.Value.
func (t *Threshold) Type() string { return "time" }

// String implements pflag.Value.
func (t *Threshold) String() string {
	if t.Unit == 0 {
		return "" // pflag's idea of a default
	}
	return fmt.Sprint(float64(t.Duration) / float64(t.Unit))
}

// Timing are the flags of tools that report periodically.
type Timing struct {
	Interval, Duration Seconds
	Clock              bool
}

// Flags adds the flags.
func (t *Timing) Flags(cmd *cobra.Command) { t.FlagsBy(cmd, "i", "d", "T") }

// FlagsBy adds the flags with other letters, "" for none. bcc's tools call the time
// of day timestamp, which is another time elsewhere.
func (t *Timing) FlagsBy(cmd *cobra.Command, interval, duration, clock string) {
	fl := cmd.Flags()
	fl.VarP(&t.Interval, "interval", interval, "report every so many seconds, and start anew")
	fl.VarP(&t.Duration, "duration", duration, "end after so many seconds")
	fl.BoolVarP(&t.Clock, "time", clock, false, "print the time of day above each report (also --timestamp)")
	fl.BoolVar(&t.Clock, "timestamp", false, "")
	if err := fl.MarkHidden("timestamp"); err != nil {
		panic("BUG: " + err.Error())
	}
}

// Arguments reads the arguments [INTERVAL [COUNT]], which say the same as the flags:
// the time between reports, and for how many of them.
func (t *Timing) Arguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if t.Interval.Duration != 0 || t.Duration.Duration != 0 && len(args) > 1 {
		return errors.New("INTERVAL and COUNT: they stand for --interval and --duration, only one of either can be given")
	}
	if err := t.Interval.Set(args[0]); err != nil {
		return fmt.Errorf("INTERVAL %q: %w", args[0], err)
	}
	if len(args) > 1 {
		interval := t.Interval.Duration
		n, err := strconv.ParseUint(args[1], 10, 32)
		if err != nil || n == 0 || time.Duration(n) > maxSeconds*time.Second/interval {
			return fmt.Errorf("COUNT %q: a number of reports above 0 is needed", args[1])
		}
		t.Duration.Duration = interval * time.Duration(n)
	}
	return nil
}

// Number is a flag with a number of 0 or more that need not be given.
type Number struct {
	N     uint32
	Given bool
}

// Set implements pflag.Value.
func (n *Number) Set(text string) error {
	v, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return errors.New("a number of 0 or more is needed")
	}
	n.N, n.Given = uint32(v), true
	return nil
}

// Type implements pflag.Value.
func (n *Number) Type() string { return "number" }

// String implements pflag.Value.
func (n *Number) String() string {
	if !n.Given {
		return ""
	}
	return strconv.FormatUint(uint64(n.N), 10)
}

// CheckCPU tells whether n is a CPU of this machine.
func CheckCPU(n int) error {
	cpus, err := kernel.PossibleCPUs()
	if err != nil {
		return err
	}
	if !slices.Contains(cpus, n) {
		return fmt.Errorf("CPU %d: this machine has %d to %d", n, cpus[0], cpus[len(cpus)-1])
	}
	return nil
}
