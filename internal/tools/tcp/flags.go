// Package tcp is what the tools about TCP have in common: the part of their
// scripts that finds sockets and owners, flags that choose sockets, and columns.
package tcp

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

//go:embed lib.bt
var library string

// Family is the command that lists the tools.
const Family = "tcp"

// Common are the flags that choose sockets; they are the same in every tool about TCP, but for their
// letters and their second names.
type Common struct {
	time, timestamp, wide bool
	csv, printUID         bool
	ipv4, ipv6            bool
	local, remote         Ports
	laddr, raddr          Address
	netns                 string
	cgroup, comm          string
	cgroups, mounts       string // pinned maps
	uid                   tool.Number
	count, verbose        bool
}

// Names are the letters and second names of a tool's flags, as bcc's tool of
// that name has them: "localport" to "L", or to "P port".
type Names map[string]string

// Add adds the flags to the command of a tool that prints a row for each event.
func (f *Common) Add(cmd *cobra.Command, names Names) {
	fl := cmd.Flags()
	fl.BoolVarP(&f.time, "time", names["time"], false, "show the time of day")
	fl.BoolVarP(&f.timestamp, "timestamp", names["timestamp"], false, "show the time since the first row in seconds")
	fl.BoolVarP(&f.wide, "wide", names["wide"], false, "wide columns, for addresses of IPv6")
	fl.BoolVarP(&f.count, "count", names["count"], false, "count instead of printing each")
	f.AddReport(cmd, names)
}

// AddReport adds the flags to the command of a tool that reports about many events.
func (f *Common) AddReport(cmd *cobra.Command, names Names) {
	fl := cmd.Flags()
	fl.BoolVarP(&f.ipv4, "ipv4", "4", false, "only IPv4, also on sockets that could do both")
	fl.BoolVarP(&f.ipv6, "ipv6", "6", false, "only IPv6")
	for _, d := range []struct {
		name, usage string
		value       any
	}{
		{"print-uid", "show the user's number", &f.printUID},
		{"csv", "the same as --format csv", &f.csv},
		{"verbose", "tell how probes were attached", &f.verbose},
		{"localport", "only these local ports: 80,443,8000-8010", &f.local},
		{"remoteport", "only these remote ports", &f.remote},
		{"laddr", "only this local address", &f.laddr},
		{"raddr", "only this remote address", &f.raddr},
		{"uid", "only sockets of the processes of the user with this number", &f.uid},
		{"comm", "only sockets of threads with this `name`", &f.comm},
		{"netns", "only this network `namespace`: its number, or a file such as /proc/PID/ns/net", &f.netns},
		{"cgroup", "only sockets made in this cgroup, a `folder` of /sys/fs/cgroup, or below it", &f.cgroup},
		{"cgroupmap", "only sockets made in a cgroup whose number is a key of this pinned `map` now", &f.cgroups},
		{"mntnsmap", "only processes in a mount namespace whose number is a key of this pinned `map` now", &f.mounts},
	} {
		letter, more, _ := strings.Cut(names[d.name], " ")
		aliases := strings.Fields(more)
		switch v := d.value.(type) {
		case *bool:
			if _, has := names[d.name]; has {
				fl.BoolVarP(v, d.name, letter, false, d.usage)
			}
		case *string:
			fl.StringVarP(v, d.name, letter, "", d.usage)
			for _, alias := range aliases {
				fl.StringVar(v, alias, "", "the same as --"+d.name)
			}
		case *tool.Number:
			fl.VarP(v, d.name, letter, d.usage)
		case *Address:
			fl.VarP(v, d.name, letter, d.usage)
			fl.Lookup(d.name).DefValue = ""
		case *Ports:
			fl.VarP(v, d.name, letter, d.usage)
			for _, alias := range aliases {
				fl.Var(v, alias, "the same as --"+d.name)
			}
		}
	}
}

var errBothVersions = errors.New("-4 and -6: only one of them can be given")

// Owner says how a tool knows who owns a socket.
type Owner uint8

const (
	// NoOwner is for tools that do not show it; it is found out only if a flag asks
	// for it.
	NoOwner Owner = iota
	// Current is for tools whose events run in the owner.
	Current
	// Owners is for tools that learn it from connect, accept, listen, close and, where
	// the kernel has tracepoints for them, from sending and receiving.
	Owners
	// OlderOwners is for tools that also show sockets from before they began: they
	// look at all open files first, where the kernel has iterators. Of processes that
	// share a socket the one with the lowest number owns it.
	OlderOwners
)

// sockets is how many sockets a tool can follow at a time.
const sockets = 65536

// Plan makes a plan of a script.
func (f *Common) Plan(o tool.Options, script string, owner Owner) (*tool.Plan, error) {
	p := &tool.Plan{Template: script, Library: library, OwnPID: true, Aside: true, Keys: sockets, Consts: tool.Consts{}, Verbose: f.verbose}
	if err := f.sockets(p); err != nil {
		return nil, err
	}
	by, err := f.ownerTest(o.PID)
	if err != nil {
		return nil, err
	}
	if f.mounts == "" {
		p.Omit = append(p.Omit, "mntns")
	}
	if by != nil {
		p.Consts["by_owner"], p.Consts["owner"] = tool.Bool(true), by
		if owner == NoOwner {
			owner = OlderOwners
		}
	}
	p.Consts["mptcp"] = tool.Bool(hasType(o.Kernel(), "mptcp_subflow_context"))
	p.Consts["users"] = tool.Bool(owner >= Owners && hasTracepoint(o.Kernel(), "sock_send_length"))
	p.Consts["owners"], p.Consts["older_owners"] = tool.Bool(owner >= Owners), tool.Bool(owner == OlderOwners && f.Scan(p, o.Kernel(), "sockets that are open already have no owner"))
	if f.csv {
		p.Format = "csv"
	}
	data := o.Format != "table" || f.csv
	if data {
		p.Dated()
	}
	if !f.time && !data {
		p.Omit = append(p.Omit, "time")
	}
	if f.timestamp {
		p.Change = sinceFirst(&tool.Clock{})
	} else {
		p.Omit = append(p.Omit, "elapsed_ns")
	}
	return p, nil
}

// Scan tells whether open files can be looked at, and lets the plan say what is
// missing if not.
func (f *Common) Scan(p *tool.Plan, facts *kernel.Facts, missing string) bool {
	err := facts.Require(kernel.FeatureIterator)
	if err != nil {
		p.Lacks = append(p.Lacks, fmt.Sprintf("%s: %v", missing, err))
	}
	return err == nil
}

// sockets puts the flags that a socket itself answers into the plan.
func (f *Common) sockets(p *tool.Plan) error {
	if f.ipv4 && f.ipv6 {
		return errBothVersions
	}
	if f.ipv4 || f.ipv6 {
		version := uint64(4)
		if f.ipv6 {
			version = 6
		}
		p.Consts["by_version"], p.Consts["version"] = tool.Bool(true), tool.Int(version)
	}
	if f.local != nil {
		p.Consts["by_localport"], p.Consts["localport"] = tool.Bool(true), f.local.test("lport")
	}
	if f.remote != nil {
		p.Consts["by_remoteport"], p.Consts["remoteport"] = tool.Bool(true), f.remote.test("rport")
	}
	if f.laddr.IsValid() {
		p.Consts["by_laddr"], p.Consts["laddr"] = tool.Bool(true), f.laddr.whole().test("ip_version(sk)", member("sk", "skc_rcv_saddr", "skc_v6_rcv_saddr"))
	}
	if f.raddr.IsValid() {
		p.Consts["by_raddr"], p.Consts["raddr"] = tool.Bool(true), f.raddr.whole().test("ip_version(sk)", member("sk", "skc_daddr", "skc_v6_daddr"))
	}
	if f.netns != "" {
		inum, err := namespace(f.netns)
		if err != nil {
			return err
		}
		p.Consts["by_netns"], p.Consts["netns"] = tool.Bool(true), tool.Int(inum)
	}
	in, err := f.inCgroup(&syntax.VarExpr{Name: "cgroup"})
	if in != nil {
		p.Consts["by_cgroup"], p.Consts["cgroup"] = tool.Bool(true), in
	}
	return err
}

// Packets makes the flags for addresses those of packets: their ends lie behind the
// variables $here and $there, in the version $version.
func (f *Common) Packets(p *tool.Plan) {
	if f.laddr.IsValid() {
		p.Consts["laddr"] = f.laddr.whole().test("$version", behind("$here"))
	}
	if f.raddr.IsValid() {
		p.Consts["raddr"] = f.raddr.whole().test("$version", behind("$there"))
	}
}

// inCgroup is whether the number of a cgroup is one that is wanted, nil if all are.
func (f *Common) inCgroup(id syntax.Expr) (in syntax.Expr, err error) {
	if f.cgroup != "" {
		if in, err = tool.InCgroup(f.cgroup, id); err != nil {
			return nil, err
		}
	}
	if f.cgroups != "" {
		listed, err := tool.InPinned(f.cgroups, id)
		if err != nil {
			return nil, err
		}
		in = and(in, listed)
	}
	return in, nil
}

// ownerTest is whether an owner is wanted, nil if all are.
func (f *Common) ownerTest(pid int) (test syntax.Expr, err error) {
	member := func(name string) syntax.Expr {
		return &syntax.FieldExpr{X: &syntax.IdentExpr{Name: "owner"}, Name: name}
	}
	is := func(name string, value syntax.Expr) syntax.Expr {
		return &syntax.BinaryExpr{Op: syntax.OpEq, L: member(name), R: value}
	}
	if pid != 0 {
		test = is("pid", tool.Int(uint64(pid)))
	}
	if f.uid.Given {
		test = and(test, is("uid", tool.Int(uint64(f.uid.N))))
	}
	if f.comm != "" {
		test = and(test, is("comm", &syntax.StringExpr{Value: f.comm}))
	}
	if f.mounts != "" {
		in, err := tool.InPinned(f.mounts, member("mntns"))
		if err != nil {
			return nil, err
		}
		test = and(test, in)
	}
	return test, nil
}

// and is both conditions; the first may be nil.
func and(a, b syntax.Expr) syntax.Expr {
	if a == nil {
		return b
	}
	return &syntax.BinaryExpr{Op: syntax.OpLAnd, L: a, R: b}
}

// InNamespaceOf makes the network namespace of a process the one that is wanted.
func (f *Common) InNamespaceOf(pid uint32) error {
	if f.netns != "" {
		return errors.New("--netns and --pid-netns: only one of them can be given")
	}
	f.netns = fmt.Sprintf("/proc/%d/ns/net", pid)
	return nil
}

// namespace is the number of a network namespace, given as that or as a file.
func namespace(text string) (uint64, error) {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil && n > 0 {
		return n, nil
	}
	info, err := os.Stat(text)
	if err != nil {
		return 0, fmt.Errorf("network namespace %q: neither a number nor a file: %w", text, errors.Unwrap(err))
	}
	return info.Sys().(*syscall.Stat_t).Ino, nil
}

// sinceFirst makes elapsed_ns of rows the time since the first row.
func sinceFirst(c *tool.Clock) func(events.Event) events.Event {
	return func(e events.Event) events.Event {
		r, ok := e.(*events.Record)
		if !ok || r.Action.Kind != prog.ActPrint {
			return e
		}
		row := &r.Values[0]
		for i := range row.Elems {
			if row.Type.Fields[i].Name == "elapsed_ns" {
				c.SinceFirst(&row.Elems[i])
			}
		}
		return r
	}
}
