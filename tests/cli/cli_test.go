// Package cli tests the command as a user types it: every script in
// testdata/scripts is a session at a shell, with its output.
package cli

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

func TestScripts(t *testing.T) {
	testkit.Root(t)
	cli := testkit.CLI(t)
	target := testkit.Build(t, fixture.Spec{Dir: "tests/cli/testdata/target"})
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/scripts",
		Setup:               func(e *testscript.Env) error { return setup(e, cli, target) },
		Cmds:                commands,
		UpdateScripts:       flag.Lookup("update").Value.String() == "true",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// setup puts the command into PATH and the target into the script's folder.
func setup(e *testscript.Env, cli, target string) error {
	e.Values[key{}] = &shell{t: e.T().(testing.TB), procs: map[string]*testkit.Proc{}}
	bin := filepath.Join(e.WorkDir, ".bin")
	e.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return errors.Join(
		os.Mkdir(bin, 0o755),
		os.Symlink(cli, filepath.Join(bin, "rpcxray")),
		os.Symlink(cli, filepath.Join(bin, "bpftrace")),
		os.Symlink(target, filepath.Join(e.WorkDir, "target")),
	)
}

// shell is what a script has under way.
type shell struct {
	t     testing.TB
	procs map[string]*testkit.Proc // by name
}

// key finds a script's shell.
type key struct{}

func shellOf(ts *testscript.TestScript) *shell { return ts.Value(key{}).(*shell) }

var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"start": start, "line": line, "send": send, "ends": ends, "bytes": bytesOf,
}

// start NAME PROGRAM ARG... starts a process; $NAME_PID is its id.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARG...")
	}
	path := ts.MkAbs(args[1])
	if args[1] == "rpcxray" || args[1] == "bpftrace" {
		path = ts.MkAbs(".bin/" + args[1])
	}
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	p := testkit.StartCmd(shellOf(ts).t, cmd)
	shellOf(ts).procs[args[0]] = p
	ts.Setenv(args[0]+"_PID", strconv.Itoa(p.PID()))
}

func process(ts *testscript.TestScript, name string) *testkit.Proc {
	p := shellOf(ts).procs[name]
	if p == nil {
		ts.Fatalf("no process is called %s", name)
	}
	return p
}

// line NAME stdout|stderr REGEXP waits for a line.
func line(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: line NAME stdout|stderr REGEXP")
	}
	p := process(ts, args[0])
	stream := p.Stdout
	if args[1] == "stderr" {
		stream = p.Stderr
	}
	stream.WaitLine(args[2])
}

// send NAME TEXT writes a line to a process.
func send(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: send NAME TEXT")
	}
	process(ts, args[0]).Send(args[1])
}

// ends NAME STATUS [SIGNAL...] sends the signals and waits for the end of a
// process with that status; NAME.out and NAME.err are what it wrote.
func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: ends NAME STATUS [SIGNAL]")
	}
	p := process(ts, args[0])
	code := 0
	if len(args) == 2 {
		code = p.Wait()
	} else {
		code = p.Stop(signals[args[2]])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(p.Stdout.Text()), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(p.Stderr.Text()), 0o644))
	if strconv.Itoa(code) != args[1] {
		ts.Fatalf("%s ended with status %d\n%s%s", args[0], code, p.Stdout.Text(), p.Stderr.Text())
	}
}

var signals = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}

// bytesOf FILE SIZE cuts a file off, which need not be text.
func bytesOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bytes FILE SIZE")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	_, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		ts.Fatalf("%s does not exist", args[0])
	}
	ts.Check(os.Truncate(path, size))
}
