package tool

import (
	_ "embed"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/rpcxray/rpcxray/internal/syntax"
)

//go:embed calls.bt
var callsLibrary string

// Calls are the arguments and flags of tools that look at RPC calls.
type Calls struct {
	Side, Service, Method string
}

// CallsUsage is what follows the names of such tools, CallsHelp explains it.
const (
	CallsUsage = "[flags] [PROGRAM]"
	CallsHelp  = `PROGRAM is the path of a service or of a client; without it the process of -p is
looked at, or every Go process that holds a framework that is known: rpcx, gRPC,
net/http and net/rpc.`
)

// Flags adds the flags.
func (c *Calls) Flags(fl *pflag.FlagSet) {
	fl.StringVar(&c.Side, "side", "*", "server, client, or * for both")
	fl.StringVar(&c.Service, "service", "", "only calls of this service")
	fl.StringVar(&c.Method, "method", "", "only calls of this method")
}

// Plan makes a plan of a script.
func (c *Calls) Plan(o Options, args []string, script string) (*Plan, error) {
	traced, err := c.traced(o, args)
	if err != nil {
		return nil, err
	}
	p := &Plan{Template: script, Library: callsLibrary, Traced: traced, Consts: c.consts()}
	if o.Format != "table" {
		p.Dated()
	}
	return p, nil
}

// traced is the attach point of the calls in the arguments' program.
func (c *Calls) traced(o Options, args []string) ([]Variant, error) {
	switch c.Side {
	case "server", "client", "*":
	default:
		return nil, fmt.Errorf("--side %s: server, client or * is needed", c.Side)
	}
	a := &syntax.AttachPoint{Provider: "rpc", Kind: "rpc", Target: syntax.Part{Text: "*"}, Func: syntax.Part{Text: c.Side}}
	switch {
	case len(args) > 0:
		a.Target = syntax.Part{Text: args[0], Quoted: true}
	case o.PID != 0:
		a.Target = syntax.Part{}
	}
	return []Variant{{Points: []*syntax.AttachPoint{a}}}, nil
}

// consts are the constants of the script that the flags give.
func (c *Calls) consts() Consts {
	return Consts{
		"one_service": Bool(c.Service != ""), "service": &syntax.StringExpr{Value: c.Service},
		"one_method": Bool(c.Method != ""), "method": &syntax.StringExpr{Value: c.Method},
	}
}
