package render

import (
	"fmt"
	"strings"

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
	case prog.LossUnreadable:
		return fmt.Sprintf("%s could not be read", plural(n, "value"))
	case prog.LossDivZero:
		return fmt.Sprintf("%s by zero: 1 was taken as the result", plural(n, "division"))
	case prog.LossStacks:
		return fmt.Sprintf("%s not kept: the table of stacks was full", plural(n, "stack"))
	case prog.LossBounds:
		return fmt.Sprintf("%s out of bounds", plural(n, "array access"))
	case prog.LossTurns:
		return fmt.Sprintf("%s ended after 8388608 turns", plural(n, "loop"))
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

// attachedText tells how many probes are attached, in bpftrace's words.
func attachedText(n int) string {
	if n == 1 {
		return "Attached 1 probe"
	}
	return fmt.Sprintf("Attached %d probes", n)
}
