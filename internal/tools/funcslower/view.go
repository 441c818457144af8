package funcslower

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
	"github.com/rpcxray/rpcxray/internal/types"
)

// view makes rows of what the script prints.
type view struct {
	arguments int  // of -a
	table     bool // for people
	folded    bool
	goFuncs   map[string]bool
	clock     tool.Clock
}

func (v *view) change(e events.Event) events.Event {
	r, ok := e.(*events.Record)
	if !ok || r.Action.Kind != prog.ActPrint {
		return e
	}
	row := &r.Values[0]
	function := ""
	for i := range row.Elems {
		m := &row.Elems[i]
		switch row.Type.Fields[i].Name {
		case "elapsed_ns":
			v.clock.SinceFirst(m)
		case "func":
			function = m.Text
		case "args":
			v.args(m)
		case "ustack":
			if v.table && !v.folded && v.goFuncs[function] {
				callers(m, function)
			}
		}
	}
	return r
}

// args leaves as many arguments as -a says, and writes words as bcc does.
func (v *view) args(m *events.Value) {
	if v.arguments > 0 && len(m.Elems) > v.arguments {
		m.Elems = m.Elems[:v.arguments]
	}
	if m.Type.Kind != types.Tuple || !v.table {
		return
	}
	var text []byte
	for i, e := range m.Elems {
		if i > 0 {
			text = append(text, ' ')
		}
		text = fmt.Appendf(text, "%#x", e.Int)
	}
	*m = events.Value{Type: types.Str(len(text)), Str: text}
}

// callers drops the function itself, with what was inlined into it, from its
// stack: at the instruction that returns, it is still there.
func callers(m *events.Value, function string) {
	for i, f := range m.Frames {
		if f.Inlined {
			continue
		}
		if f.Func == function {
			m.Frames = m.Frames[i+1:]
		}
		return
	}
}
