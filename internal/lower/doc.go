// Package lower turns what only the language has into ordinary probes and
// maps: frames and duration of Go calls, values at entry in return probes,
// goroutine ids, and the parts of Go values that lie behind pointers.
// It also groups sites into units.
package lower
