package tui

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Terminal is where a screen is shown; keys come from standard input.
type Terminal struct {
	*os.File
	Color bool // titles stand out
}

// What is written when a screen comes and goes: it is the terminal's second one, without
// a cursor, and lines end at its edge.
const (
	come = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	goes = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// held is a terminal that a screen has to itself.
type held struct {
	out    *os.File
	before *unix.Termios // of the keyboard
	lines  []string      // that are shown
	stop   *os.File      // ends reading keys when it is closed
	ended  chan struct{} // closed when no more are read
}

// hold takes the terminal, whose keys go to press.
func hold(out *os.File, press func(key)) (*held, error) {
	before, err := unix.IoctlGetTermios(unix.Stdin, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("keyboard: %w", err)
	}
	single := *before
	single.Iflag &^= unix.IXON
	single.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN
	single.Cc[unix.VMIN], single.Cc[unix.VTIME] = 1, 0
	stopped, stop, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("keyboard: %w", err)
	}
	if err := unix.IoctlSetTermios(unix.Stdin, unix.TCSETS, &single); err != nil {
		return nil, errors.Join(fmt.Errorf("keyboard: %w", err), stopped.Close(), stop.Close())
	}
	h := &held{out: out, before: before, stop: stop, ended: make(chan struct{})}
	go h.read(stopped, press)
	_, _ = out.WriteString(come) // a terminal that takes nothing refuses the first frame, too
	return h, nil
}

// giveBack leaves the terminal as it was.
func (h *held) giveBack() error {
	err := h.stop.Close()
	<-h.ended
	_, writeErr := h.out.WriteString(goes)
	return errors.Join(err, writeErr, unix.IoctlSetTermios(unix.Stdin, unix.TCSETS, h.before))
}

// size is how much there is room for. What is shown may be gone when it has changed.
func (h *held) size() sizeMsg {
	h.lines = nil
	size, err := unix.IoctlGetWinsize(int(h.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return sizeMsg{80, 24}
	}
	return sizeMsg{int(size.Col), int(size.Row)}
}

// show writes the lines of a text that are not shown yet.
func (h *held) show(text string) error {
	lines := strings.Split(text, "\n")
	var b strings.Builder
	for i, line := range lines {
		if i >= len(h.lines) || h.lines[i] != line {
			fmt.Fprintf(&b, "\x1b[%d;1H\x1b[2K%s", i+1, line)
		}
	}
	if len(lines) != len(h.lines) {
		fmt.Fprintf(&b, "\x1b[%d;1H\x1b[J", len(lines)+1)
	}
	h.lines = lines
	if b.Len() == 0 {
		return nil
	}
	_, err := h.out.WriteString(b.String())
	return err
}

// together is how long the bytes of one key may be apart, in milliseconds.
const together = 50

// read hands over the keys that are pressed, until the other end of stopped is closed or
// the keyboard has gone. Its thread waits in the kernel: a goroutine that waits has Go's
// scheduler look for input again and again.
func (h *held) read(stopped *os.File, press func(key)) {
	defer close(h.ended)
	defer stopped.Close()
	var typed []byte
	for {
		wait := -1
		if len(typed) > 0 {
			wait = together
		}
		ready := []unix.PollFd{{Fd: int32(unix.Stdin), Events: unix.POLLIN}, {Fd: int32(stopped.Fd())}}
		n, err := unix.Poll(ready, wait)
		if err == unix.EINTR {
			continue
		}
		if err != nil || ready[1].Revents != 0 {
			return
		}
		late := n == 0
		if !late {
			var more [256]byte
			n, err := unix.Read(unix.Stdin, more[:])
			if err != nil || n == 0 {
				return
			}
			typed = append(typed, more[:n]...)
		}
		typed = pressed(typed, late, press)
	}
}

// pressed hands over the keys of what was typed and returns bytes to which more could
// belong, unless it is late for that.
func pressed(typed []byte, late bool, press func(key)) []byte {
	for len(typed) > 0 {
		k, size := firstKey(typed)
		if size == 0 && !late {
			break
		}
		if size == 0 {
			k, size = character(typed)
		}
		press(k)
		typed = typed[size:]
	}
	return typed
}
