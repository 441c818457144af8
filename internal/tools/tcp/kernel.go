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

// Traffic gives a plan's script the probe "sent", which fires when bytes were sent
// from a socket, and the probe "received", when a socket of MPTCP gave bytes to a
// program. Before Linux 6.3 functions are probed, for there are no tracepoints.
func Traffic(p *tool.Plan, facts *kernel.Facts) error {
	btf, err := facts.BTF()
	if err != nil {
		return err
	}
	if p.Points == nil {
		p.Points = map[string][]*syntax.AttachPoint{}
	}
	if _, err := btf.RawTracepoint("sock_send_length"); err == nil {
		p.Points["sent"] = []*syntax.AttachPoint{{Provider: "rawtracepoint", Kind: "rawtracepoint", Func: syntax.Part{Text: "sock_send_length"}}}
		p.Points["received"] = []*syntax.AttachPoint{{Provider: "rawtracepoint", Kind: "rawtracepoint", Func: syntax.Part{Text: "sock_recv_length"}}}
		return nil
	}
	if err := facts.Require(kernel.FeatureKprobe); err != nil {
		return fmt.Errorf("counting what is sent: this kernel has no tracepoint sock_send_length, and functions cannot be probed: %w", err)
	}
	p.Consts["traffic_sk"], p.Consts["traffic_bytes"] = tool.Expr("(struct sock *)arg0"), tool.Expr("(int64)(int32)retval")
	for _, name := range []string{"tcp_sendmsg", "tcp_sendpage", "mptcp_sendmsg"} {
		if _, err := btf.FuncProto(name); err == nil {
			p.Points["sent"] = append(p.Points["sent"], returned(name))
		}
	}
	if len(p.Points["sent"]) == 0 {
		return errors.New("counting what is sent: this kernel has no function tcp_sendmsg")
	}
	if f, err := btf.FuncProto("mptcp_recvmsg"); err == nil {
		i := slices.IndexFunc(f.Params, func(p kernel.Param) bool { return p.Name == "flags" })
		p.Points["received"] = append(p.Points["received"], returned("mptcp_recvmsg"))
		p.Consts["traffic_flags"] = tool.Expr(fmt.Sprintf("arg%d", max(i, 0)))
	}
	return nil
}

// returned is the attach point at a function's return.
func returned(name string) *syntax.AttachPoint {
	return &syntax.AttachPoint{Provider: "kretprobe", Kind: "kretprobe", Func: syntax.Part{Text: name}}
}
