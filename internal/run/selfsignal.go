package run

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/rpcxray/rpcxray/internal/attach"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// listen takes the signal of self probes from now on; one that comes while
// others wait to be seen is not lost, but counts once.
func (s *session) listen(units []*attach.Unit) {
	for _, u := range units {
		if u.Plan.Kind == prog.KindSelf && s.signals == nil {
			s.signals = make(chan os.Signal, 1)
			signal.Notify(s.signals, syscall.SIGUSR1)
		}
	}
}

// selfSignals runs the self probes if their signal has come.
func (s *session) selfSignals() error {
	select {
	case <-s.signals:
		return s.runAll(prog.KindSelf)
	default:
		return nil
	}
}
