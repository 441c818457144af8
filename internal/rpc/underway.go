package rpc

import "strings"

// Table is a map of a framework's script with the calls that are under way. The names
// of service and method are Go strings in the process, which are found from a word of
// an entry on.
type Table struct {
	Map  string
	Side Side
	Key  bool // the word is one of the key's, else of the value's
	Word int
	// Outer are calls that may be those of another framework: an entry of it with the
	// same key is the call then.
	Outer bool

	Service, Method Path
	// Parted makes service and method of the one text that Method is; nil: they are
	// two.
	Parted func(text string) (service, method string)
	// Named makes a method of its text; nil: it is its text.
	Named func(text string) string
}

// Path leads to a string: a pointer lies at each step but the last, where the string
// is.
type Path []Step

// Step is an offset in a struct.
type Step struct {
	Offset uint64
	Fact   string // in place of Offset: the name of a fact
	// Maybe leaves the step out where the fact is ^uint64(0).
	Maybe bool
}

func at(offset uint64) Step { return Step{Offset: offset} }

func fact(name string) Step { return Step{Fact: name} }

// slashed is what a gRPC method is of: "/service/method".
func slashed(text string) (service, method string) {
	service, method, _ = strings.Cut(strings.TrimPrefix(text, "/"), "/")
	return service, method
}

// dotted is what a method of net/rpc is of.
func dotted(text string) (service, method string) {
	service, method, _ = strings.Cut(text, ".")
	return service, method
}

// verb is the method of an HTTP request, whose path is not told.
func verb(text string) string {
	switch text {
	case "":
		return "GET"
	case "GET", "POST", "PUT", "DELETE":
		return text
	}
	return "other"
}
