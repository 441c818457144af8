package events

import (
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/types"
)

// counting counts how often it is asked.
type counting struct {
	names
	users int
}

func (c *counting) User(tgid uint32, addr uint64) []Frame {
	c.users++
	return c.names.User(tgid, addr)
}

func TestSymbolsRememberAndForget(t *testing.T) {
	res := &counting{}
	s := NewSymbols(res, stacks{})
	ustack := &types.Type{Kind: types.Stack, Size: 16, User: true}
	for range 2 {
		if _, ok := s.stack(ustack, 9, 42, 127); !ok {
			t.Fatal("stack is not there")
		}
		s.userName(42, 0x1000)
	}
	if res.users != 2 {
		t.Errorf("asked %d times for 2 addresses", res.users)
	}
	s.Forget(42)
	s.userName(42, 0x1000)
	if frames, _ := s.stack(ustack, 9, 42, 127); len(frames) != 4 || res.users != 4 {
		t.Errorf("after forgetting: asked %d times, %d frames", res.users, len(frames))
	}
	raw := &types.Type{Kind: types.Stack, Size: 16, User: true, Mode: types.StackRaw}
	if frames, _ := s.stack(raw, 9, 42, 1); len(frames) != 1 || frames[0].Addr != 0x1000 {
		t.Errorf("raw stack of one frame: %v", frames)
	}
}

func TestBootTime(t *testing.T) {
	s := NewSymbols(names{}, nil)
	if up := time.Since(s.Boot); up <= 0 || s.Boot.After(time.Now()) {
		t.Errorf("booted %v ago", up)
	}
	if _, ok := s.stack(&types.Type{Kind: types.Stack}, 9, 0, 127); ok {
		t.Error("a stack without a table")
	}
}
