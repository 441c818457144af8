package events

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// fakeRing is a ring of 64 bytes without a kernel.
func fakeRing() *ring {
	words := make([]uint64, 2)
	return &ring{consumer: &words[0], producer: &words[1], data: make([]byte, 64)}
}

// put writes a record as the kernel does.
func (r *ring) put(flags uint32, payload string) {
	start := *r.producer & r.mask()
	binary.LittleEndian.PutUint32(r.data[start:], flags|uint32(len(payload)))
	for i := range payload {
		r.data[(start+recordHeader+uint64(i))&r.mask()] = payload[i]
	}
	*r.producer += (recordHeader + uint64(len(payload)) + 7) &^ 7
}

func (r *ring) all(t *testing.T) (texts []string, busy bool) {
	t.Helper()
	busy, err := r.each(func(raw []byte) error {
		texts = append(texts, string(raw))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts, busy
}

func TestRingGoesOnAtItsStart(t *testing.T) {
	r := fakeRing()
	for turn, text := range []string{"thirty bytes are in this record", "this one begins near the end", "third"} {
		r.put(0, text)
		if got, busy := r.all(t); busy || !slices.Equal(got, []string{text}) {
			t.Errorf("turn %d: %q, busy %v, want %q", turn, got, busy, text)
		}
		if *r.consumer != *r.producer {
			t.Errorf("turn %d: consumer at %d, producer at %d", turn, *r.consumer, *r.producer)
		}
	}
}

func TestRingStopsAtABusyRecord(t *testing.T) {
	r := fakeRing()
	r.put(recordDiscard, "no")
	r.put(0, "first")
	start := *r.producer
	r.put(recordBusy, "later")
	r.put(0, "last")
	if got, busy := r.all(t); !busy || !slices.Equal(got, []string{"first"}) {
		t.Errorf("%q, busy %v", got, busy)
	}
	if *r.consumer != start {
		t.Errorf("consumer at %d, want at the busy record, %d", *r.consumer, start)
	}
	binary.LittleEndian.PutUint32(r.data[start:], 5)
	if got, busy := r.all(t); busy || !slices.Equal(got, []string{"later", "last"}) {
		t.Errorf("%q, busy %v", got, busy)
	}
}

func TestRingError(t *testing.T) {
	r := fakeRing()
	r.put(0, "one")
	r.put(0, "two")
	stop := errors.New("stop")
	if _, err := r.each(func([]byte) error { return stop }); err != stop {
		t.Errorf("error %v, want the handler's", err)
	}
	if got, _ := r.all(t); !slices.Equal(got, []string{"two"}) {
		t.Errorf("after the handler's error: %q", got)
	}
	r.put(0, "three")
	binary.LittleEndian.PutUint32(r.data[*r.consumer&r.mask():], 4000)
	if _, err := r.each(func([]byte) error { return nil }); !errors.Is(err, errRing) {
		t.Errorf("a length beyond the ring: %v", err)
	}
}
