package spans

import (
	"container/list"
	"slices"
	"time"
)

// Node is a call in a tree: of a client's call the server's side is a child, whose
// children are the calls that it caused.
type Node struct {
	*Call
	Children []*Node // in the order of their starts

	came    time.Time
	parent  *Node
	element *list.Element // in Forest.held
}

// Server returns the other side of a client's call, nil if it was not seen.
func (n *Node) Server() *Node {
	if n.Side != Client {
		return nil
	}
	for _, c := range n.Children {
		if c.Side == Server {
			return c
		}
	}
	return nil
}

// Counts tell how far calls could be joined.
type Counts struct {
	Trees      uint64
	Calls      uint64 // each once, however many sides of it were seen
	Joined     uint64 // of them with both sides
	ClientOnly uint64 // whose server is not traced here
	ServerOnly uint64 // whose caller is not traced here
	Orphans    uint64 // whose parent did not come in time
	Twice      uint64 // spans that were there already; they are left out
	Early      uint64 // trees that had to go before they were complete
}

// Forest joins spans to trees. What it holds is bounded: a tree leaves it some time
// after its root has ended, or as the oldest when there are too many spans.
type Forest struct {
	Counts Counts

	wait  time.Duration
	age   time.Duration
	limit int

	nodes   map[ID]*Node
	waiting map[ID][]*Node // for a parent
	held    *list.List     // of *Node, the oldest first
	soon    []due          // roots, and servers whose caller has not come
}

// due is a node that leaves the forest unless it is in a larger tree by then.
type due struct {
	at   time.Time
	node *Node
}

// NewForest returns a Forest. A tree stays for wait after its root's end, for spans
// that come late; a call whose parent does not end stays for age. limit is how many
// spans are held.
func NewForest(wait, age time.Duration, limit int) *Forest {
	return &Forest{wait: wait, age: age, limit: limit,
		nodes: map[ID]*Node{}, waiting: map[ID][]*Node{}, held: list.New()}
}

// Held is how many spans are in the forest.
func (f *Forest) Held() int { return f.held.Len() }

// Add takes a span that ended at about now, and returns the trees that have to go
// for it.
func (f *Forest) Add(c *Call, now time.Time) []*Node {
	if f.nodes[c.Span] != nil {
		f.Counts.Twice++
		return nil
	}
	n := &Node{Call: c, came: now}
	f.nodes[c.Span] = n
	n.element = f.held.PushBack(n)
	for _, child := range f.waiting[c.Span] {
		n.take(child)
	}
	delete(f.waiting, c.Span)
	f.plant(n, now)
	var trees []*Node
	for f.held.Len() > f.limit {
		f.Counts.Early++
		trees = append(trees, f.fell(f.held.Front().Value.(*Node).root()))
	}
	return trees
}

// plant puts n below its parent, or has it wait for that.
func (f *Forest) plant(n *Node, now time.Time) {
	parent := f.nodes[n.Parent]
	switch {
	case n.Parent == 0:
		f.soon = append(f.soon, due{now.Add(f.wait), n})
	case parent != nil && parent.root() != n:
		parent.take(n)
	default:
		f.waiting[n.Parent] = append(f.waiting[n.Parent], n)
		if n.Side == Server {
			f.soon = append(f.soon, due{now.Add(f.wait), n})
		}
	}
}

func (n *Node) take(child *Node) {
	child.parent = n
	n.Children = append(n.Children, child)
}

func (n *Node) root() *Node {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// Ended returns the trees whose time has come.
func (f *Forest) Ended(now time.Time) []*Node {
	var trees []*Node
	for len(f.soon) > 0 && !f.soon[0].at.After(now) {
		n := f.soon[0].node
		f.soon = f.soon[1:]
		if n.parent == nil && n.element != nil {
			trees = append(trees, f.fell(n))
		}
	}
	for f.held.Len() > 0 {
		oldest := f.held.Front().Value.(*Node)
		if oldest.came.Add(f.age).After(now) {
			break
		}
		trees = append(trees, f.fell(oldest.root()))
	}
	return trees
}

// Rest returns all trees that are left.
func (f *Forest) Rest() []*Node {
	var trees []*Node
	for f.held.Len() > 0 {
		trees = append(trees, f.fell(f.held.Front().Value.(*Node).root()))
	}
	f.soon = nil
	slices.SortStableFunc(trees, byStart)
	return trees
}

func byStart(a, b *Node) int { return a.Start.Compare(b.Start) }

// fell takes a tree out of the forest.
func (f *Forest) fell(root *Node) *Node {
	f.Counts.Trees++
	switch {
	case root.Side == Server:
		f.Counts.Calls++
		f.Counts.ServerOnly++
	case root.Parent != 0:
		f.Counts.Orphans++
	}
	if root.Parent != 0 {
		f.forget(root)
	}
	f.clear(root)
	return root
}

// forget has n no longer wait for its parent.
func (f *Forest) forget(n *Node) {
	rest := slices.DeleteFunc(f.waiting[n.Parent], func(o *Node) bool { return o == n })
	if len(rest) == 0 {
		delete(f.waiting, n.Parent)
		return
	}
	f.waiting[n.Parent] = rest
}

// clear forgets the nodes of a tree and puts them into their order.
func (f *Forest) clear(n *Node) {
	f.held.Remove(n.element)
	n.element = nil
	delete(f.nodes, n.Span)
	if n.Side == Client && !n.Whole {
		f.Counts.Calls++
		if n.Server() != nil {
			f.Counts.Joined++
		} else {
			f.Counts.ClientOnly++
		}
	}
	slices.SortStableFunc(n.Children, byStart)
	for _, c := range n.Children {
		f.clear(c)
	}
}
