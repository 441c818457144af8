package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/rpcxray/rpcxray/internal/kernel"
)

// mayTrace checks what every run needs before anything is started: the rights
// to load programs, and the process of -p.
func mayTrace(facts *kernel.Facts, o Options) error {
	if err := findProcess(o.PID); err != nil {
		return err
	}
	if len(o.Debug) > 0 && !o.GoOn || o.CompileOnly {
		return nil // compiles only
	}
	var missing []string
	for _, id := range []kernel.FeatureID{kernel.FeatureCapBPF, kernel.FeatureCapPerfmon} {
		if !facts.Has(id) {
			missing = append(missing, strings.ToUpper(id.String()))
		}
	}
	if len(missing) == 0 {
		return facts.Require(kernel.FeatureMemlock) // which raises the limit
	}
	return fmt.Errorf("tracing needs root, this process lacks %s: use sudo; rpcxray doctor shows what is missing, "+
		"rpcxray symbols and run -d work without", strings.Join(missing, " and "))
}

// findProcess checks that there is a process pid, which is not only a thread of
// one. 0 is no process of -p.
func findProcess(pid int) error {
	if pid == 0 {
		return nil
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("process %d: no such process", pid)
	}
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	_, rest, _ := strings.Cut(string(status), "\nTgid:\t")
	if tgid, _, _ := strings.Cut(rest, "\n"); tgid != fmt.Sprint(pid) {
		return fmt.Errorf("%d is a thread of process %s: give -p %s", pid, tgid, tgid)
	}
	return nil
}
