package spans

import "time"

// Attempts puts a call that its client has made in several attempts above them. One
// with a single attempt is that attempt, and is left out. What it holds is bounded.
type Attempts struct {
	wait  time.Duration
	limit int

	calls map[ID]*whole
	order []ID // of calls, the oldest first
}

// whole is a call with its attempts, as far as they have come.
type whole struct {
	since    time.Time
	call     *Call
	attempts []*Call
	state    wholeState
}

type wholeState int

const (
	open    wholeState = iota
	several            // attempts are below the call
	single             // the attempt stands for the call
)

// NewAttempts returns an Attempts that holds an attempt for wait until its call has
// ended, and knows limit calls.
func NewAttempts(wait time.Duration, limit int) *Attempts {
	return &Attempts{wait: wait, limit: limit, calls: map[ID]*whole{}}
}

// Add takes a side of a call that ended at about now, and returns those that are
// known to be as they are.
func (a *Attempts) Add(c *Call, now time.Time) []*Call {
	if c.Of == 0 && !c.Whole {
		return []*Call{c}
	}
	id := c.Of
	if c.Whole {
		id = c.Span
	}
	w := a.calls[id]
	if w == nil {
		w = &whole{since: now}
		a.calls[id] = w
		a.order = append(a.order, id)
	}
	if c.Whole {
		w.call = c
	} else {
		w.attempts = append(w.attempts, c)
	}
	if w.state == open && w.call != nil {
		switch {
		case w.call.Attempts != 1 || len(w.attempts) > 1:
			w.state = several
		case len(w.attempts) == 1:
			w.state = single
		}
	}
	ready := w.ready()
	for len(a.calls) > a.limit {
		ready = append(ready, a.drop()...)
	}
	return ready
}

// ready takes from w what need not wait any more.
func (w *whole) ready() []*Call {
	if w.state == open {
		return nil
	}
	list := w.attempts
	if w.state == several {
		for _, c := range list {
			c.Parent = c.Of
		}
		if w.call != nil {
			list = append(list, w.call)
		}
	}
	w.attempts, w.call = nil, nil
	return list
}

// giveUp is ready where nothing more is waited for.
func (w *whole) giveUp() []*Call {
	if w.state == open {
		w.state = several
	}
	return w.ready()
}

// Due returns what has waited long enough for its call to end, or for its attempt.
func (a *Attempts) Due(now time.Time) []*Call {
	var list []*Call
	for _, id := range a.order {
		w := a.calls[id]
		if w.since.Add(a.wait).After(now) {
			break
		}
		list = append(list, w.giveUp()...)
	}
	// One that is decided is remembered for attempts that end later.
	for len(a.order) > 0 && !a.calls[a.order[0]].since.Add(remembered).After(now) {
		list = append(list, a.drop()...)
	}
	return list
}

// remembered is how long after its first attempt has ended a call is known.
const remembered = time.Minute

// Rest returns all that is held.
func (a *Attempts) Rest() []*Call {
	var list []*Call
	for len(a.order) > 0 {
		list = append(list, a.drop()...)
	}
	return list
}

// drop forgets the oldest call.
func (a *Attempts) drop() []*Call {
	id := a.order[0]
	a.order = a.order[1:]
	list := a.calls[id].giveUp()
	delete(a.calls, id)
	return list
}
