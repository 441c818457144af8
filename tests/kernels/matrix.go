package main

import "github.com/rpcxray/rpcxray/internal/testkit/fixture"

// kernel is one row of the matrix.
type kernel struct {
	name     string // how its release begins
	packages string // regular expression over the names of Debian's packages
	append   string // further words of the command line
	has      string // features that a test must not miss, by the names doctor shows
}

// kernels is the matrix. What a kernel has was seen by booting it; version numbers
// in packages' names change, so they are searched for.
var kernels = []kernel{
	{
		name:     "6.1",
		packages: `linux-image-6\.1\.\d+-\d+-amd64`,
		has: "cap_bpf,cap_perfmon,cap_sys_admin,cap_sys_ptrace,memlock,btf,uprobe,attach_cookie,func_ip,ring_buffer," +
			"perf_buffer,tracefs,tracepoint,raw_tracepoint,tp_btf,perf_software,kprobe,fentry,iterator,read_kernel," +
			"read_user_str,ns_pid,loop,for_each,percpu_read,strncmp,snprintf,atomic_fetch,lookup_and_delete,no_prealloc",
	},
	{
		name:     "6.12",
		packages: `linux-image-6\.12\.\d+\+deb12-amd64`,
		append:   "preempt=full",
		has: "cap_bpf,cap_perfmon,cap_sys_admin,cap_sys_ptrace,memlock,btf,uprobe,uprobe_multi,uprobe_multi_sleepable," +
			"attach_cookie,func_ip,ring_buffer,perf_buffer,tracefs,tracepoint,raw_tracepoint,tp_btf,perf_software,kprobe," +
			"kprobe_multi,fentry,iterator,read_kernel,read_user_str,ns_pid,loop,for_each,percpu_read,strncmp,snprintf,atomic_fetch," +
			"lookup_and_delete,no_prealloc",
	},
}

// suite is a package whose tests run on every kernel.
type suite struct {
	dir      string         // relative to the root of the repository
	run      string         // value for -test.run; all tests by default
	fixtures []fixture.Spec // what its tests build, for the machine has no Go
	data     []string       // folders of it that its tests read, besides testdata
	c        []string       // programs of C, as file and flags with blanks between
	programs []string       // of this system that its tests run
	cli      bool           // its tests run rpcxray
	env      []string       // variables that are handed on to it where they are set
}

// suites is the list to add a package to.
var suites = []suite{
	{dir: "tests/kernels/smoke"},
	{
		dir:      "tests/kernels/exact",
		fixtures: []fixture.Spec{{Dir: "tests/kernels/exact/testdata/calls"}},
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
		env:      []string{"RPCXRAY_RANDOM", "RPCXRAY_RANDOM_SEED"},
	},
	{dir: "internal/tools", run: "KernelFunctions", cli: true},
	{
		dir: "tests/tcp",
		fixtures: []fixture.Spec{
			{Dir: "tests/tcp/testdata/peer"},
			{Dir: "examples/rpcx", Package: "./server"}, {Dir: "examples/rpcx", Package: "./client"},
		},
		c:        []string{"tests/tcp/testdata/cpeer/cpeer.c -static -pthread"},
		programs: []string{"tmux"},
		cli:      true,
	},
	{dir: "tests/language", run: "TestCases/^(kernel|iter)$|TestProgramsOfTheKernel", data: []string{"cases"}, cli: true},
}
