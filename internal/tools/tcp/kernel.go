package tcp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

// HasArg tells whether this kernel's tracepoint has an argument: what it lacks
// is left out of the script.
func HasArg(facts *kernel.Facts, tracepoint, arg string) (bool, error) {
	btf, err := facts.BTF()
	if err != nil {
		return false, err
	}
	params, err := btf.RawTracepoint(tracepoint)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(params, func(p kernel.Param) bool { return p.Name == arg }), nil
}

// Constant is the value of an enum's constant in this kernel; false if it has
// none.
func Constant(facts *kernel.Facts, name string) (int64, bool) {
	btf, err := facts.BTF()
	if err != nil {
		return 0, false
	}
	n, _, err := btf.EnumConstant(name)
	return n, err == nil
}

// hasType tells whether this kernel has a struct.
func hasType(facts *kernel.Facts, name string) bool {
	btf, err := facts.BTF()
	if err != nil {
		return false
	}
	_, err = btf.Struct(name)
	return err == nil
}

// hasTracepoint tells whether this kernel has a tracepoint.
func hasTracepoint(facts *kernel.Facts, name string) bool {
	btf, err := facts.BTF()
	if err != nil {
		return false
	}
	_, err = btf.RawTracepoint(name)
	return err == nil
}

// Traffic gives a plan's script the probe "sent", which fires when bytes were sent
// from a socket, and the probe "received", when a socket of MPTCP gave bytes to a
// program. Before Linux 6.3 functions are probed, for there are no tracepoints.
func Traffic(p *tool.Plan, facts *kernel.Facts) error {
	if p.Points == nil {
		p.Points = map[string][]*syntax.AttachPoint{}
	}
	if hasTracepoint(facts, "sock_send_length") {
		p.Points["sent"] = points("rawtracepoint", "sock_send_length")
		p.Points["received"] = points("rawtracepoint", "sock_recv_length")
		return nil
	}
	btf, err := facts.BTF()
	if err != nil {
		return err
	}
	return functions(p, facts, btf)
}

// functions has the probes at the returns of functions. fexit is the better way: as
// many threads as like may wait in a function, of which kretprobes miss some.
func functions(p *tool.Plan, facts *kernel.Facts, btf *kernel.BTF) error {
	provider := "fexit"
	p.Consts["traffic_bytes"] = tool.Expr("(int64)retval")
	if facts.Require(kernel.FeatureFentry) != nil {
		if err := facts.Require(kernel.FeatureKprobe); err != nil {
			return fmt.Errorf("counting what is sent: this kernel has no tracepoint sock_send_length, and functions cannot be probed: %w", err)
		}
		provider = "kretprobe"
		p.Consts["traffic_sk"], p.Consts["traffic_bytes"] = tool.Expr("(struct sock *)arg0"), tool.Expr("(int64)(int32)retval")
		if f, err := btf.FuncProto("mptcp_recvmsg"); err == nil {
			i := slices.IndexFunc(f.Params, func(p kernel.Param) bool { return p.Name == "flags" })
			p.Consts["traffic_flags"] = tool.Expr(fmt.Sprintf("arg%d", max(i, 0)))
		}
	}
	there := func(names ...string) []string {
		return slices.DeleteFunc(names, func(name string) bool {
			_, err := btf.FuncProto(name)
			return err != nil
		})
	}
	p.Points["sent"] = points(provider, there("tcp_sendmsg", "tcp_sendpage", "mptcp_sendmsg")...)
	p.Points["received"] = points(provider, there("mptcp_recvmsg")...)
	if len(p.Points["sent"]) == 0 {
		return errors.New("counting what is sent: this kernel has no function tcp_sendmsg")
	}
	return nil
}

// points are attach points of one kind.
func points(provider string, names ...string) (list []*syntax.AttachPoint) {
	for _, name := range names {
		list = append(list, &syntax.AttachPoint{Provider: provider, Kind: provider, Func: syntax.Part{Text: name}})
	}
	return list
}
