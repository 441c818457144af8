package events

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// Remark is what went wrong at a place of the script since it was told last.
type Remark prog.Remark

// Remarks watches what programs count at places of the script.
type Remarks struct {
	table *ebpf.Map
	seen  map[remarkKey]uint64
}

type remarkKey struct{ Kind, Start, End, Zero uint32 }

// NewRemarks returns a watch over the table that programs count in.
func NewRemarks(table *ebpf.Map) *Remarks {
	return &Remarks{table: table, seen: map[remarkKey]uint64{}}
}

// Read returns what has come since the last Read, in the order of the script.
func (r *Remarks) Read() ([]*Remark, error) {
	var news []*Remark
	var key remarkKey
	var n uint64
	it := r.table.Iterate()
	for it.Next(&key, &n) {
		if d := n - r.seen[key]; d != 0 {
			r.seen[key] = n
			news = append(news, &Remark{Kind: prog.RemarkKind(key.Kind), Span: diag.Span{Start: key.Start, End: key.End}, Count: d})
		}
	}
	if err := it.Err(); err != nil {
		return nil, fmt.Errorf("remarks: %w", err)
	}
	slices.SortFunc(news, func(a, b *Remark) int { return int(a.Span.Start) - int(b.Span.Start) })
	return news, nil
}
