package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// debianGo is the go command of Debian's package golang-1.19-go.
const debianGo = "/usr/lib/go-1.19/bin/go"

// build is a way of building a Go program.
type build struct {
	name  string
	dwarf bool
	set   func(*fixture.Spec)
}

var builds = []build{
	{"plain", true, func(*fixture.Spec) {}},
	{"stripped", false, func(s *fixture.Spec) { s.LDFlags = "-s -w" }},
	{"pie", true, func(s *fixture.Spec) { s.Flags = []string{"-buildmode=pie"} }},
	{"cgo", true, func(s *fixture.Spec) { s.CGO = true }},
	{"nodwarf", false, func(s *fixture.Spec) { s.LDFlags = "-w" }},
}

// TestToolchains repeats the tests of counts, durations, arguments and results on
// programs of other releases of Go, built in several ways.
func TestToolchains(t *testing.T) {
	testkit.Root(t)
	if testing.Short() {
		t.Skip("-short: builds by four more toolchains take minutes")
	}
	for _, name := range []string{"debian-1.19", "go1.21.13", "go1.24.6", "local", "go1.27.0"} {
		t.Run(name, func(t *testing.T) {
			base := fixture.Spec{}
			switch name {
			case "local":
			case "debian-1.19":
				base.Go = debianGo
				needToolchain(t, exec.Command(debianGo, "version"), "apt-get install golang-1.19-go")
			default:
				base.Toolchain = name
				cmd := exec.Command("go", "version")
				cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+name)
				needToolchain(t, cmd, "the Go proxy")
			}
			for _, b := range builds {
				t.Run(b.name, func(t *testing.T) { checkBuild(t, base, b) })
			}
		})
	}
}

// needToolchain skips the test where a toolchain is not to be had; where CI=true
// is set it fails.
func needToolchain(t *testing.T, cmd *exec.Cmd, from string) {
	t.Helper()
	if err := cmd.Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no toolchain from %s: %v", from, err)
		}
		t.Skipf("needs a toolchain from %s: %v", from, err)
	}
}

func checkBuild(t *testing.T, spec fixture.Spec, b build) {
	b.set(&spec)
	path := func(name string) string {
		s := spec
		s.Dir = program(name).Dir
		return built(t, s)
	}
	t.Run("durations", func(t *testing.T) { checkDurations(t, path("clock"), 1, 20, 20) })
	if b.dwarf {
		cases := valueCases
		if spec.Go == debianGo {
			cases = casesIn119()
		}
		for _, kind := range []string{"uprobe", "uretprobe"} {
			t.Run(kind, func(t *testing.T) { checkValues(t, path("values"), kind, cases) })
		}
		return
	}
	t.Run("registers", func(t *testing.T) { checkRegisters(t, path("calls")) })
}

// checkRegisters reads arguments and results where the calling convention puts
// them, which is what there is without DWARF, and by the types that reflection
// keeps of a method.
func checkRegisters(t *testing.T, path string) {
	target := start(t, path)
	tracer := traceRun(t, strings.ReplaceAll(`
		uprobe:PATH:main.tick { printf("tick %s\n", reg("ax")); }
		uretprobe:PATH:main.tick { printf("ticked %s\n", reg("ax")); }
		uprobe:PATH:"main.(*left).Mul" { printf("left %s\n", reg("bx")); }
		uprobe:PATH:main.right.Mul { printf("right %s %s\n", str(reg("bx"), reg("cx") + 1), (int32)reg("di")); }
		uprobe:PATH:main.wide.Mul { printf("wide %s %s\n", reg("r11"), (uint16)sarg0); }
		uretprobe:PATH:"main.(*Service).Scale" {
			printf("Scale %s * %s = %s, %s\n", args.arg1.A, args.arg1.B, args.arg2.C, retval);
		}`, "PATH", path), "-p", strconv.Itoa(target.PID()))
	makeCalls(target, 2)
	got := finish(t, tracer)
	leave(t, target)
	var want []string
	for n := range 2 {
		want = append(want, fmt.Sprintf("tick %d", n), fmt.Sprintf("ticked %d", n+1), fmt.Sprintf("left %d", n),
			fmt.Sprintf("right why %d", -n), fmt.Sprintf("wide 9 %d", n), fmt.Sprintf("Scale %d * 10 = %d, <nil>", n, 10*n))
	}
	compareLines(t, got, want)
}
