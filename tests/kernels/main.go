// Command kernels runs test packages on other kernels: it builds them here, boots
// each kernel of the matrix in QEMU with them, and prints what go test would, and at
// the end once more what failed. Its exit status is 1 if a test fails or a machine does
// not do as it should.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
	"github.com/rpcxray/rpcxray/internal/testkit/vm"
)

// Where things are in the machine.
const (
	guestRoot  = "/src"
	guestCache = "/cache"
	guestCLI   = "/usr/bin/rpcxray"
)

func main() {
	kernelRE := flag.String("kernel", "6.1|6.12", "run on the kernels whose whole name matches this regular expression")
	suiteRE := flag.String("suite", "", "run the packages whose folder matches this regular expression")
	testRE := flag.String("run", "", "run the tests that match this regular expression, as go test -run")
	count := flag.Int("count", 1, "run each test this often")
	timeout := flag.Duration("timeout", 12*time.Minute, "give a machine up after this long")
	flag.Parse()
	r := &runner{run: *testRE, count: *count, timeout: *timeout}
	failed, err := r.all(*kernelRE, *suiteRE)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
	}
	if failed || err != nil {
		fmt.Printf("%sFAIL\n", &r.failures)
		os.Exit(1)
	}
}

// runner holds what is the same for all machines.
type runner struct {
	run     string
	count   int
	timeout time.Duration

	repo  string // root of the repository
	cache string // host's cache of fixtures and kernels
	work  string // folder for what is built here

	failures strings.Builder // what failing tests printed, to be shown at the end
}

func (r *runner) all(kernelRE, suiteRE string) (failed bool, err error) {
	selectedKernels, err := selected(kernels, "^(?:"+kernelRE+")$", func(k kernel) string { return k.name })
	if err != nil {
		return false, err
	}
	if r.repo, err = fixture.Root(); err != nil {
		return false, err
	}
	if r.cache, err = fixture.CacheDir(); err != nil {
		return false, err
	}
	if r.work, err = os.MkdirTemp("", "kernels-"); err != nil {
		return false, err
	}
	defer os.RemoveAll(r.work)
	var machines []*machine
	for _, k := range selectedKernels {
		suites, err := selected(k.suites(), suiteRE, func(s suite) string { return s.dir })
		if err != nil {
			return true, err
		}
		m, err := r.prepare(k, suites)
		if err != nil {
			return true, err
		}
		machines = append(machines, m)
	}
	var wg sync.WaitGroup
	free := make(chan bool, runtime.NumCPU()) // a machine keeps one CPU busy
	for _, m := range machines {
		wg.Go(func() {
			free <- true
			m.run(r.timeout)
			<-free
		})
	}
	wg.Wait()
	var errs []error
	for _, m := range machines {
		r.failures.WriteString(m.failures)
		failed = failed || m.failures != ""
		errs = append(errs, m.err)
	}
	return failed, errors.Join(errs...)
}

func selected[T any](all []T, pattern string, name func(T) string) ([]T, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	var list []T
	for _, v := range all {
		if re.MatchString(name(v)) {
			list = append(list, v)
		}
	}
	if list == nil {
		return nil, fmt.Errorf("nothing matches %q", pattern)
	}
	return list, nil
}

// prepare builds what all suites need on one kernel.
func (r *runner) prepare(k kernel, suites []suite) (*machine, error) {
	img, err := vm.Fetch(filepath.Join(r.cache, "kernels"), k.source)
	if err != nil {
		return nil, err
	}
	m := &machine{kernel: k, suites: suites, all: r.run == "", output: make([]strings.Builder, len(suites)),
		Machine: vm.Machine{Kernel: img, Append: k.append, Memory: 2048, Root: &vm.FS{}}}
	if err := m.Root.Copy(guestRoot+"/go.mod", filepath.Join(r.repo, "go.mod")); err != nil {
		return nil, err
	}
	out := &prefixed{prefix: k.name + "\t"}
	for i, s := range suites {
		if err := r.install(m.Root, k.source.Arch, s); err != nil {
			return nil, err
		}
		p := r.program(k, s)
		p.Out = io.MultiWriter(out, &m.output[i])
		m.programs = append(m.programs, p)
	}
	return m, nil
}

// install puts a suite's test binary, its testdata and its fixtures into the root
// folder of a machine, where the tests find them as they do here.
func (r *runner) install(root *vm.FS, arch string, s suite) error {
	bin := filepath.Join(r.work, strings.ReplaceAll(s.dir, "/", "-"))
	if err := r.goCommand(arch, "test", "-c", "-o", bin, "./"+s.dir); err != nil {
		return err
	}
	dir := filepath.Join(guestRoot, s.dir)
	root.AddDir(dir)
	if err := root.Copy(testBinary(s), bin); err != nil {
		return err
	}
	for _, name := range append([]string{"testdata"}, s.data...) {
		folder := filepath.Join(r.repo, s.dir, name)
		if _, err := os.Stat(folder); err != nil {
			continue
		}
		if err := root.Copy(filepath.Join(dir, name), folder); err != nil {
			return err
		}
	}
	if err := r.installFixtures(root, arch, s); err != nil {
		return err
	}
	for _, name := range s.programs {
		if err := installProgram(root, name); err != nil {
			return err
		}
	}
	if !s.cli {
		return nil
	}
	cli := filepath.Join(r.work, "rpcxray")
	if err := r.goCommand(arch, "build", "-o", cli, "./cmd/rpcxray"); err != nil {
		return err
	}
	return root.Copy(guestCLI, cli)
}

// installFixtures builds the programs that a suite's tests look into.
func (r *runner) installFixtures(root *vm.FS, arch string, s suite) error {
	for _, spec := range s.fixtures {
		sources, err := spec.Files()
		if err != nil {
			return err
		}
		spec.GOARCH = arch
		bin, err := fixture.Build(spec)
		if err != nil {
			return err
		}
		if err := r.installFixture(root, bin, sources); err != nil {
			return err
		}
	}
	programs, err := builds(r.repo, s.programsOf)
	if err != nil {
		return err
	}
	for _, line := range append(programs, s.c...) {
		words := strings.Fields(line)
		bin, err := fixture.CrossBuildC(arch, words[0], words[1:]...)
		if err != nil {
			return err
		}
		if err := r.installFixture(root, bin, words[:1]); err != nil {
			return err
		}
		if err := installLibraries(root, arch, bin); err != nil {
			return err
		}
	}
	return nil
}

// installFixture puts a program where tests look for it, and its sources, of which
// they make its name.
func (r *runner) installFixture(root *vm.FS, bin string, sources []string) error {
	for _, name := range sources {
		if err := root.Copy(filepath.Join(guestRoot, name), filepath.Join(r.repo, name)); err != nil {
			return err
		}
	}
	rel, err := filepath.Rel(r.cache, bin)
	if err != nil {
		return err
	}
	return root.Copy(filepath.Join(guestCache, filepath.Base(r.cache), rel), bin)
}

func testBinary(s suite) string { return filepath.Join(guestRoot, s.dir, "suite.test") }

// program is a suite's run in the machine.
func (r *runner) program(k kernel, s suite) vm.Program {
	run := s.run
	if r.run != "" {
		run = r.run
	}
	p := vm.Program{
		Path: testBinary(s),
		Args: []string{"-test.v", "-test.run=" + run, fmt.Sprintf("-test.count=%d", r.count), fmt.Sprintf("-test.timeout=%v", r.timeout)},
		Dir:  filepath.Join(guestRoot, s.dir),
		Env: []string{
			"CI=true",
			testkit.EnvKernel + "=" + k.name,
			testkit.EnvKernelHas + "=" + k.has,
			testkit.EnvBinary + "=" + guestCLI,
			"XDG_CACHE_HOME=" + guestCache,
		},
	}
	for _, name := range s.env {
		if value, ok := os.LookupEnv(name); ok {
			p.Env = append(p.Env, name+"="+value)
		}
	}
	return p
}

// goCommand runs go with the settings of a binary for a machine without libraries.
func (r *runner) goCommand(arch string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = r.repo
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
