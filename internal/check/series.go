package check

import (
	"math"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// maxIntervals bounds tseries(), as the language has it.
const maxIntervals = 1_000_000

// seriesFunctions are what makes one value of those of an interval; without one, the
// last counts.
func seriesFunctions() []string { return []string{"avg", "max", "min", "sum"} }

// aggTSeries is tseries(n, interval_ns, num[, function]).
func aggTSeries(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr) {
	if !b.mayUse("tseries", "tseries", c.At) {
		return nil, nil
	}
	x, signed := sample(b, c)
	interval, ok := b.literalInt(c.Name, c.Args[1])
	num, ok2 := b.literalInt(c.Name, c.Args[2])
	if x == nil || !ok || !ok2 || !b.seriesRange(c, interval, num) {
		return nil, nil
	}
	t := types.Type{Kind: types.TSeries, Signed: signed, Interval: interval, Intervals: int(num)}
	if len(c.Args) > 3 {
		if t.SeriesFunction, ok = b.literalText(c.Name, c.Args[3]); !ok {
			return nil, nil
		}
		if all := seriesFunctions(); !slices.Contains(all, t.SeriesFunction) {
			b.errorf(c.At, "tseries() expects one of the following aggregation functions: %s (%q provided)", strings.Join(all, ", "), t.SeriesFunction)
			return nil, nil
		}
	}
	return aggregateOf(t), x
}

func (b *body) seriesRange(c *syntax.CallExpr, interval, num int64) bool {
	switch {
	case interval < 1:
		b.errorf(c.At, "tseries() interval_ns must be >= 1 (%d provided)", interval)
	case interval > math.MaxInt32*int64(1e9):
		b.errorf(c.At, "tseries() interval_ns is too large (%d provided)", interval)
	case num < 1:
		b.errorf(c.At, "tseries() num_intervals must be >= 1 (%d provided)", num)
	case num > maxIntervals:
		b.errorf(c.At, "tseries() num_intervals must be < %d (%d provided)", maxIntervals, num)
	default:
		return true
	}
	return false
}

// maxKeyedIntervals is what the value of a hash map has room for: less than 4 MB, in
// words of 8 bytes.
const maxKeyedIntervals = 170_000

// seriesFits tells whether t can be the value of a map with keys.
func (b *body) seriesFits(t *types.Type, span diag.Span) bool {
	if t.Kind != types.TSeries || t.Intervals <= maxKeyedIntervals {
		return true
	}
	b.errorf(span, "tseries() of a map with keys has at most %d intervals (%d provided)", maxKeyedIntervals, t.Intervals).Hint =
		"the kernel's maps have no room for more in a value"
	return false
}

// seriesTime is the time at which a value of tseries() counts: now, or what the map
// holds that the environment names, so that output can be foreseen.
func (b *body) seriesTime(span diag.Span) prog.Expr {
	for name, m := range b.opts.Env {
		if plainName(name) == "dummy_ts_map" {
			get := b.mapGet(&syntax.MapExpr{Loc: syntax.Loc{At: span}, Name: strings.TrimPrefix(m, "@")})
			return b.convert(get, types.TUint64)
		}
	}
	return &prog.Builtin{Meta: meta(types.TUint64, span), ID: prog.BWall}
}
