package events

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// CounterTable is a per-CPU array of u64, as *ebpf.Map is one.
type CounterTable interface {
	Lookup(key, valueOut any) error
}

// Losses watches the loss counters of a session.
type Losses struct {
	table CounterTable
	seen  [prog.LossCount]uint64
	total uint64
}

// NewLosses returns a watch over table, which has one per-CPU counter for each
// prog.Loss.
func NewLosses(table CounterTable) *Losses { return &Losses{table: table} }

// Read returns what was lost since the last Read.
func (l *Losses) Read() ([]*Loss, error) {
	var news []*Loss
	for kind := range prog.LossCount {
		var cpus []uint64
		if err := l.table.Lookup(uint32(kind), &cpus); err != nil {
			return news, fmt.Errorf("loss counters: %w", err)
		}
		var sum uint64
		for _, n := range cpus {
			sum += n
		}
		if n := sum - l.seen[kind]; n != 0 {
			news = append(news, &Loss{Kind: kind, Count: n})
			l.seen[kind] = sum
			l.total += n
		}
	}
	return news, nil
}

// Total returns what all Reads told together.
func (l *Losses) Total() uint64 { return l.total }
