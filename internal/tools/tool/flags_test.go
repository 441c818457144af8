package tool

import (
	"testing"
	"time"
)

func TestSeconds(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"1": time.Second, "10": 10 * time.Second, "0.5": 500 * time.Millisecond, "500ms": 500 * time.Millisecond,
		"2m": 2 * time.Minute, "1e9": 1e9 * time.Second,
		"0": 0, "-1": 0, "": 0, "x": 0, "1us": 0, "NaN": 0, "Inf": 0, "1e10": 0, "99999999999999999999": 0, "1000000h": 0,
	} {
		var s Seconds
		err := s.Set(in)
		if (err == nil) != (want > 0) || s.Duration != want {
			t.Errorf("%q: %v, %v, want %v", in, s.Duration, err, want)
		}
	}
}

func TestThreshold(t *testing.T) {
	for _, tt := range []struct {
		unit time.Duration
		in   string
		want time.Duration // below 0: an error
	}{
		{time.Microsecond, "10", 10 * time.Microsecond}, {time.Microsecond, "0.25", 250}, {time.Millisecond, "1.5", 1500 * time.Microsecond},
		{time.Millisecond, "0", 0}, {time.Millisecond, "-1", -1}, {time.Millisecond, "x", -1}, {time.Millisecond, "NaN", -1},
		{time.Millisecond, "1e300", -1}, {time.Millisecond, "", -1},
	} {
		s := Threshold{Unit: tt.unit}
		err := s.Set(tt.in)
		if (err == nil) != (tt.want >= 0) || err == nil && s.Duration != tt.want {
			t.Errorf("%q in %v: %v, %v, want %v", tt.in, tt.unit, s.Duration, err, tt.want)
		}
	}
}

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		args               []string
		interval, duration time.Duration
		bad                bool
	}{
		{nil, 0, 0, false},
		{[]string{"5"}, 5 * time.Second, 0, false},
		{[]string{"0.5", "3"}, 500 * time.Millisecond, 1500 * time.Millisecond, false},
		{[]string{"0"}, 0, 0, true}, {[]string{"-1"}, 0, 0, true}, {[]string{"x"}, 0, 0, true},
		{[]string{"1", "0"}, 0, 0, true}, {[]string{"1", "-1"}, 0, 0, true}, {[]string{"1000000000", "4000000000"}, 0, 0, true},
	} {
		var c Timing
		err := c.Arguments(tt.args)
		if (err != nil) != tt.bad || err == nil && (c.Interval.Duration != tt.interval || c.Duration.Duration != tt.duration) {
			t.Errorf("%q: %v, %v, %v, want %v, %v", tt.args, c.Interval, c.Duration, err, tt.interval, tt.duration)
		}
	}
	both := Timing{Interval: Seconds{time.Second}}
	if err := both.Arguments([]string{"1"}); err == nil {
		t.Error("an interval given twice is no error")
	}
}
