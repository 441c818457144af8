package main

import (
	"runtime"
	"slices"

	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
	"github.com/rpcxray/rpcxray/internal/testkit/vm"
)

// kernel is one row of the matrix.
type kernel struct {
	name   string // how its release begins; behind a dash the processor
	source vm.Source
	append string // further words of the command line
	has    string // features that a test must not miss, by the names doctor shows
}

// image is how the name of a package begins that holds a whole kernel.
var image = []string{"linux-image-"}

// Features by the kernels that they came with, and the rest by what they need.
const (
	since5_10 = "cap_bpf,cap_perfmon,cap_sys_admin,cap_sys_ptrace,memlock,btf,uprobe,ring_buffer,perf_buffer,tracefs,tracepoint," +
		"raw_tracepoint,tp_btf,perf_software,kprobe,iterator,read_kernel,read_user_str,ns_pid"
	since6_1 = since5_10 + ",atomic_fetch,attach_cookie,func_ip,loop,for_each,percpu_read,strncmp,snprintf,lookup_and_delete,no_prealloc,task_regs,iter_path"
	since6_6 = since6_1 + ",uprobe_multi,uprobe_multi_sleepable"
	fentry   = ",fentry"
	fprobe   = ",kprobe_multi"
)

// kernels is the matrix. What a kernel has was seen by booting it; version numbers
// in packages' names change, so they are searched for.
var kernels = []kernel{
	{
		name:   "5.10",
		source: vm.Source{Release: `5\.10\.\d+-\d+-amd64`, Parts: image, Suite: "bullseye", Arch: "amd64"},
		has:    since5_10 + fentry,
	},
	{
		name:   "6.1",
		source: vm.Source{Release: `6\.1\.\d+-\d+-amd64`, Parts: image, Arch: "amd64"},
		has:    since6_1 + fentry,
	},
	{
		name:   "6.1-arm64",
		source: vm.Source{Release: `6\.1\.\d+-\d+-arm64`, Parts: image, Suite: "bookworm", Arch: "arm64"},
		has:    since6_1,
	},
	{
		name:   "6.12",
		source: vm.Source{Release: `6\.12\.\d+\+deb12-amd64`, Parts: image, Arch: "amd64"},
		append: "preempt=full",
		has:    since6_6 + fentry + fprobe,
	},
	{
		name:   "6.12-arm64",
		source: vm.Source{Release: `6\.12\.\d+\+deb12-arm64`, Parts: image, Suite: "bookworm", Arch: "arm64"},
		has:    since6_6 + fentry,
	},
	{
		name:   "newest",
		source: vm.Source{Release: `\d+\.\d+\.\d+\+deb\d+-amd64`, Parts: []string{"linux-binary-", "linux-modules-"}, Suite: "sid", Arch: "amd64"},
		append: "preempt=full",
		has:    since6_6 + fentry + fprobe,
	},
}

// suite is a package whose tests run on every kernel.
type suite struct {
	dir        string         // relative to the root of the repository
	run        string         // value for -test.run; all tests by default
	fixtures   []fixture.Spec // what its tests build, for the machine has no Go
	data       []string       // folders of it that its tests read, besides testdata
	c          []string       // programs of C, as file and flags with blanks between
	programs   []string       // of this system that its tests run
	programsOf string         // folder of more of them, whose first lines say "// NAME: FLAGS"
	cli        bool           // its tests run rpcxray
	env        []string       // variables that are handed on to it where they are set
}

// suites is the list to add a package to.
var suites = []suite{
	{dir: "tests/kernels/smoke"},
	{
		dir:      "tests/kernels/exact",
		fixtures: []fixture.Spec{{Dir: "tests/kernels/exact/testdata/calls"}, {Dir: "tests/kernels/exact/testdata/asleep"}},
		cli:      true,
	},
	{
		dir:      "internal/testkit",
		fixtures: []fixture.Spec{{Dir: "internal/testkit/fixture/testdata/echo"}},
	},
	{dir: "internal/kernel"},
	{dir: "internal/codegen"},
	{
		dir:      "tests/random",
		fixtures: []fixture.Spec{{Dir: "tests/cli/testdata/target"}},
		env:      []string{"RPCXRAY_RANDOM", "RPCXRAY_RANDOM_TOLD", "RPCXRAY_RANDOM_SEED"},
		cli:      true,
	},
	{dir: "internal/tools", run: "KernelFunctions", cli: true},
	{
		dir: "tests/tcp",
		fixtures: []fixture.Spec{
			{Dir: "tests/tcp/testdata/peer"},
			{Dir: "examples/rpcx", Package: "./server"}, {Dir: "examples/rpcx", Package: "./client"},
		},
		env:      []string{"RPCXRAY_FULL"},
		c:        []string{"tests/tcp/testdata/cpeer/cpeer.c -static -pthread"},
		programs: []string{"tmux"},
		cli:      true,
	},
	{
		dir: "tests/e2e",
		run: "TestRPCXAttempts/^newest$|TestNetHTTP/^build$|TestGRPC$/^newest$",
		fixtures: []fixture.Spec{
			{Dir: "tests/e2e/testdata/rpcx"}, {Dir: "tests/e2e/testdata/http"}, {Dir: "tests/e2e/testdata/grpc"},
		},
		cli: true,
	},
	{
		dir:        "tests/language",
		fixtures:   []fixture.Spec{{Dir: "tests/language/testdata/watched"}},
		run:        "TestCases/^(kernel|iter|unwind)$|TestProgramsOfTheKernel|TestUnwind|TestManyStacks|TestWatchpoint",
		data:       []string{"cases", "programs"},
		programsOf: "tests/language/programs",
		cli:        true,
	},
}

// foreign are the packages that run in place of some, and besides others, on
// processors that this machine does not have: what needs no other kernel.
var foreign = []suite{
	{dir: "internal/lower"},
	{dir: "internal/attach"},
	{
		dir:        "tests/language",
		run:        "TestCases|TestProgramsOfTheKernel|TestUnwind|TestManyStacks",
		data:       []string{"cases", "programs"},
		programsOf: "tests/language/programs",
		cli:        true,
	},
}

// suites are what runs on the kernel.
func (k kernel) suites() []suite {
	if k.source.Arch == runtime.GOARCH {
		return suites
	}
	list := slices.DeleteFunc(slices.Clone(suites), func(s suite) bool {
		return slices.ContainsFunc(foreign, func(f suite) bool { return f.dir == s.dir })
	})
	return append(list, foreign...)
}
