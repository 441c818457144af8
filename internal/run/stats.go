package run

import (
	"time"

	"golang.org/x/sys/unix"
)

// reportStats tells what the run cost and what it left out: --stats.
func (s *session) reportStats() error {
	if err := s.guard.measure(); err != nil {
		return err
	}
	hits, cost, err := s.guard.total()
	if err != nil {
		return err
	}
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		return err
	}
	own := time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	return s.info("stats: %d probe sites, %d skipped; %d hits in user programs, about %v of their CPU time; %v of CPU time and %d MB at most for rpcxray itself; %d lost",
		s.attachedProbes(), s.skipped, hits, cost.Round(time.Microsecond), own.Round(time.Millisecond), ru.Maxrss>>10, s.losses.Total())
}
