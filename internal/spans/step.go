package spans

import (
	"slices"
	"time"
)

// Step is a call in a tree for people: both its sides in one.
type Step struct {
	Client, Server *Call // one of them may be nil
	Depth          int
	Children       []*Step // in the order of their starts
}

// Steps returns a tree with both sides of a call in one step.
func Steps(n *Node) *Step { return steps(n, 0) }

func steps(n *Node, depth int) *Step {
	s := &Step{Depth: depth}
	below := n.Children
	if n.Side == Server {
		s.Server = n.Call
	} else {
		s.Client = n.Call
		if server := n.Server(); server != nil {
			s.Server = server.Call
			below = slices.DeleteFunc(slices.Clone(below), func(c *Node) bool { return c == server })
			below = append(below, server.Children...)
			slices.SortStableFunc(below, byStart)
		}
	}
	for _, c := range below {
		s.Children = append(s.Children, steps(c, depth+1))
	}
	return s
}

// Call is the side that tells most: the caller's, else the server's.
func (s *Step) Call() *Call {
	if s.Client != nil {
		return s.Client
	}
	return s.Server
}

// Name is what the call is known by: where its sides are of different frameworks, as of
// a gateway, the server's name tells more.
func (s *Step) Name() string {
	if s.Client != nil && s.Server != nil && s.Client.Framework != s.Server.Framework {
		return s.Server.Name()
	}
	return s.Call().Name()
}

// Failed tells whether a side says that the call did not end well, and what it says.
func (s *Step) Failed() (status, text string, failed bool) {
	for _, c := range []*Call{s.Client, s.Server} {
		if c != nil && c.Failed() {
			return c.Status, c.Error, true
		}
	}
	return "ok", "", false
}

// Duration is what the call took as its caller sees it, else the server; None if it
// was not timed.
func (s *Step) Duration() time.Duration {
	if s.Client != nil && s.Client.Duration != None || s.Server == nil {
		return s.Client.Duration
	}
	return s.Server.Duration
}

// Walk calls do for a step and all below it.
func (s *Step) Walk(do func(*Step)) {
	do(s)
	for _, c := range s.Children {
		c.Walk(do)
	}
}
