package events

import (
	"testing"
	"time"
)

func TestStrftime(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	at := time.Date(2026, 1, 4, 15, 4, 5, 6_007_008, zone) // a Sunday
	tests := []struct{ format, want string }{
		{"%H:%M:%S", "15:04:05"},
		{"%a %A %b %B %h", "Sun Sunday Jan January Jan"},
		{"%c", "Sun Jan  4 15:04:05 2026"},
		{"%C %d %D %e|%F", "20 04 01/04/26  4|2026-01-04"},
		{"%g %G %V", "26 2026 01"},
		{"%I %p %P %r %R %T", "03 PM pm 03:04:05 PM 15:04 15:04:05"},
		{"%j %m %M", "004 01 04"},
		{"%u %w %U %W", "7 0 01 00"},
		{"%x %X %y %Y", "01/04/26 15:04:05 26 2026"},
		{"%z %Z %s", "+0100 CET 1767535445"},
		{"%f %l %k", "006007 006 006007008"},
		{"%-d %_d %0e %^a", "4  4 04 SUN"},
		{"%Ey %Od", "26 04"},
		{"100%% %q %", "100% %q %"},
		{"%n%t", "\n\t"},
	}
	for _, tt := range tests {
		if got := string(AppendStrftime(nil, tt.format, at)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.format, got, tt.want)
		}
	}
}

func TestStrftimeTwelveHours(t *testing.T) {
	for hour, want := range map[int]string{0: "12 AM", 1: "01 AM", 12: "12 PM", 23: "11 PM"} {
		at := time.Date(2024, 12, 30, hour, 0, 0, 0, time.UTC)
		if got := string(AppendStrftime(nil, "%I %p", at)); got != want {
			t.Errorf("hour %d: %q, want %q", hour, got, want)
		}
	}
	at := time.Date(2024, 12, 30, 0, 0, 0, 0, time.UTC) // Monday of ISO week 1 of 2025
	if got := string(AppendStrftime(nil, "%G-W%V-%u %g %U %W", at)); got != "2025-W01-1 25 52 53" {
		t.Errorf("end of year: %q", got)
	}
}
