package render

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// lossText says what was lost and what to do about it.
func lossText(l *events.Loss, maxMapKeys int) string {
	n := l.Count
	switch l.Kind {
	case prog.LossEvents:
		return fmt.Sprintf("lost %s", plural(n, "event"))
	case prog.LossMapFull:
		return mapFullText(l, maxMapKeys)
	case prog.LossScratch:
		return fmt.Sprintf("%s not handled: no scratch memory was free", plural(n, "hit"))
	case prog.LossFrames:
		return fmt.Sprintf("%s not timed: too many were under way", plural(n, "call"))
	case prog.LossUnpaired:
		return fmt.Sprintf("%s without a known call (it began before the trace)", plural(n, "return"))
	case prog.LossReplaced:
		return fmt.Sprintf("%s %s no return (panic, Goexit or still running)", plural(n, "call"), verb(n, "has", "have"))
	case prog.LossEnded:
		return fmt.Sprintf("%s %s under way when %s", plural(n, "call"), verb(n, "was", "were"), verb(n, "its process ended", "their process ended"))
	case prog.LossMissed:
		return fmt.Sprintf("%s missed: a program ran on the CPU already, or too many calls were under way", plural(n, "hit"))
	case prog.LossUnreadable:
		return fmt.Sprintf("%s could not be read", plural(n, "value"))
	case prog.LossStacks:
		return fmt.Sprintf("%s not kept: there was no room in the table of stacks", plural(n, "stack"))
	case prog.LossUnwind:
		return fmt.Sprintf("%s %s early: nothing tells how the code of %s last frame is left", plural(n, "stack"), verb(n, "ends", "end"), verb(n, "its", "their"))
	case prog.LossTurns:
		return fmt.Sprintf("%s ended after 8388608 turns", plural(n, "loop"))
	case prog.LossBounded:
		return fmt.Sprintf("%s ended early: without bpf_loop, which Linux 5.17 has, the kernel takes only so many turns", plural(n, "loop"))
	}
	panic(fmt.Sprintf("BUG: loss kind %d", l.Kind))
}

func mapFullText(l *events.Loss, maxMapKeys int) string {
	updates := plural(l.Count, "update")
	if len(l.Full) == 0 {
		return fmt.Sprintf("a map was full: %s not counted (raise max_map_keys, now %d)", updates, maxMapKeys)
	}
	names := make([]string, len(l.Full))
	for i, m := range l.Full {
		names[i] = m.Name
	}
	what := "map " + names[0]
	if len(names) > 1 {
		what = "maps " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s %s full: %s not counted (raise max_map_keys, now %d)",
		what, verb(uint64(len(names)), "was", "were"), updates, l.Full[0].Entries)
}

func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func verb(n uint64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// remarkText is what a remark says, in bpftrace's words, with the helper that failed
// and what it returned; "" is none.
func remarkText(k prog.RemarkKind) (text, helper string, code int) {
	switch k {
	case prog.RemarkDivZero:
		return "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.", "", 0
	case prog.RemarkBounds:
		return "Array access out of bounds. This can lead to unexpected results.", "", 0
	case prog.RemarkMapFull:
		return "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in a map declaration" +
			" e.g. `let @a = hash(5000)`", "map_update_elem", -int(syscall.E2BIG)
	case prog.RemarkLookup:
		return "Can't lookup map element because it does not exist.", "map_lookup_elem", 0
	case prog.RemarkRead:
		return "Bad address", "probe_read", -int(syscall.EFAULT)
	case prog.RemarkReadStr:
		return "Bad address", "probe_read_str", -int(syscall.EFAULT)
	}
	panic(fmt.Sprintf("BUG: remark kind %d", k))
}

// remark prints what went wrong at a place of the script, with the place.
func remark(o Options, r *events.Remark) {
	text, helper, code := remarkText(r.Kind)
	if helper != "" {
		text += fmt.Sprintf("\nAdditional Info - helper: %s, retcode: %d", helper, code)
	}
	if r.Count > 1 {
		text += fmt.Sprintf(" (%d times)", r.Count)
	}
	if o.Source == nil {
		fmt.Fprintf(o.Err, "WARNING: %s\n", text)
		return
	}
	l := diag.NewList(o.Source)
	l.Warnf(r.Span, "%s", text)
	diag.Render(o.Err, l, false)
}

// attachedText tells how many probes are attached, in bpftrace's words.
func attachedText(n int) string {
	if n == 1 {
		return "Attached 1 probe"
	}
	return fmt.Sprintf("Attached %d probes", n)
}
