package tcp

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

// Ports is a flag with a list of ports and ranges of them: 80,443,8000-8010.
type Ports []portRange

type portRange struct{ low, high uint16 }

// maxPorts bounds the comparisons that a probe makes for each socket.
const maxPorts = 128

// Set implements pflag.Value.
func (p *Ports) Set(text string) error {
	var list Ports
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		low, err := port(from)
		if err != nil {
			return err
		}
		high, err := port(to)
		if err != nil {
			return err
		}
		list = append(list, portRange{min(low, high), max(low, high)})
	}
	if len(list) > maxPorts {
		return fmt.Errorf("%d ports: at most %d and ranges can be given", len(list), maxPorts)
	}
	*p = list
	return nil
}

func port(text string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no port: ports are 1 to 65535, with commas between and a-b for ranges", text)
	}
	return uint16(n), nil
}

// Type implements pflag.Value.
func (p *Ports) Type() string { return "ports" }

// String implements pflag.Value.
func (p *Ports) String() string {
	var parts []string
	for _, r := range *p {
		text := strconv.Itoa(int(r.low))
		if r.high != r.low {
			text += "-" + strconv.Itoa(int(r.high))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ",")
}

// test is whether a variable is one of the ports.
func (p Ports) test(variable string) syntax.Expr {
	var test syntax.Expr
	for _, r := range p {
		is := compare(syntax.OpEq, variable, r.low)
		if r.low != r.high {
			is = &syntax.BinaryExpr{Op: syntax.OpLAnd, L: compare(syntax.OpGe, variable, r.low), R: compare(syntax.OpLe, variable, r.high)}
		}
		if test == nil {
			test = is
		} else {
			test = &syntax.BinaryExpr{Op: syntax.OpLOr, L: test, R: is}
		}
	}
	return test
}

func compare(op syntax.Op, variable string, port uint16) *syntax.BinaryExpr {
	return &syntax.BinaryExpr{Op: op, L: &syntax.VarExpr{Name: variable}, R: tool.Int(uint64(port))}
}
