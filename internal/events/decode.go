package events

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Decoder turns the ring buffer's records into Records. It reuses its memory:
// a Record and all its values hold only until the next Decode. Only Update may
// run at the same time as Decode.
type Decoder struct {
	known  atomic.Pointer[[]layout]
	values builder
	rec    Record
}

// layout is how the records of an action are read.
type layout struct {
	action *prog.Action
	blobs  [][]types.Blob // by argument
}

// NewDecoder returns a decoder of the records of p's actions.
func NewDecoder(p *prog.Program, syms *Symbols) *Decoder {
	d := &Decoder{values: builder{syms: syms}}
	d.known.Store(&[]layout{})
	d.Update(p)
	return d
}

// Update makes actions and formats known that p has got since: bodies for new
// groups bring them. They have to be known before their probes are attached.
func (d *Decoder) Update(p *prog.Program) {
	known := slices.Clone(*d.known.Load())
	for _, a := range p.Actions[len(known):] {
		l := layout{action: a}
		for _, t := range a.Args {
			l.blobs = append(l.blobs, types.Blobs(t))
		}
		known = append(known, l)
	}
	d.known.Store(&known)
	d.values.syms.setFormats(p.Formats)
}

// Decode decodes raw, which was handled at wall; that of time() is its own. The
// Record's strings share raw's memory. Bytes that no program of this session can have written are an
// error.
func (d *Decoder) Decode(raw []byte, wall time.Time) (*Record, error) {
	if len(raw) < types.HeaderSize {
		return nil, fmt.Errorf("event record: %d bytes are less than its header", len(raw))
	}
	id, known := binary.LittleEndian.Uint32(raw), *d.known.Load()
	if uint64(id) >= uint64(len(known)) {
		return nil, fmt.Errorf("event record: no action %d", id)
	}
	action, blobs := known[id].action, known[id].blobs
	d.values.reset(binary.LittleEndian.Uint32(raw[4:]))
	if cap(d.rec.Values) < len(blobs) {
		d.rec.Values = make([]Value, len(blobs))
	}
	d.rec = Record{Action: action, Wall: wall, Values: d.rec.Values[:len(blobs)]}
	clear(d.rec.Values)

	rest, err := raw[types.HeaderSize:], error(nil)
	for i := range blobs {
		v := &d.rec.Values[i]
		if rest, err = d.values.image(v, action.Args[i], rest); err == nil && blobs[i] != nil {
			rest, err = d.values.behind(v, blobs[i], rest)
		}
		if err != nil {
			return nil, fmt.Errorf("event record of action %d, argument %d: %w", id, i+1, err)
		}
	}
	if faults := binary.LittleEndian.Uint64(raw[8:]); faults != 0 {
		for i := range d.rec.Values {
			if faults>>min(i, 63)&1 != 0 {
				d.rec.Values[i].Unreadable = true
			}
		}
	}
	if action.Kind == prog.ActTime && len(d.rec.Values) > 0 {
		d.rec.Wall = d.values.syms.WallTime(d.rec.Values[0].Int)
	}
	return &d.rec, nil
}

// errShort tells that an image or a blob reaches beyond its record's end.
type errShort struct{ want, have int }

func (e errShort) Error() string {
	return fmt.Sprintf("%d bytes expected, %d there", e.want, e.have)
}

// image decodes the image of a value of t at the start of b and returns what
// follows it.
func (m *builder) image(v *Value, t *types.Type, b []byte) ([]byte, error) {
	switch t.Kind {
	case types.String:
		return m.stringImage(v, t, b)
	case types.Tuple, types.Record:
		v.Type, v.Elems = t, m.take(len(t.Fields))
		var err error
		for i := range t.Fields {
			if b, err = m.image(&v.Elems[i], t.Fields[i].Type, b); err != nil {
				return nil, err
			}
		}
		v.decodePayload()
		return b, nil
	}
	size := t.Size
	if t.IsAggregate() {
		size = 8 * t.AggregateWords()
	}
	if len(b) < size {
		return nil, errShort{size, len(b)}
	}
	m.memory(v, t, b[:size])
	return b[size:], nil
}

func (m *builder) stringImage(v *Value, t *types.Type, b []byte) ([]byte, error) {
	v.Type = t
	data, rest, err := counted(v, b)
	v.Str = data
	return rest, err
}

// counted splits off a u32 word and the bytes that it counts, and marks v as
// unreadable or truncated where the word says so.
func counted(v *Value, b []byte) (data, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errShort{4, len(b)}
	}
	word := binary.LittleEndian.Uint32(b)
	b = b[4:]
	if word == types.StrUnreadable {
		v.Unreadable = true
		return nil, b, nil
	}
	v.Truncated = v.Truncated || word&types.StrTruncated != 0
	n := int(word &^ types.StrTruncated)
	if n > len(b) {
		return nil, nil, errShort{n, len(b)}
	}
	return b[:n:n], b[n:], nil
}

// behind decodes the blobs that follow the image of v.
func (m *builder) behind(v *Value, blobs []types.Blob, b []byte) ([]byte, error) {
	m.owners = append(m.owners[:0], make([]*Value, len(blobs))...)
	for i := range blobs {
		var state Value
		data, rest, err := counted(&state, b)
		if err != nil {
			return nil, err
		}
		b = rest
		owner := m.ownerOf(v, &blobs[i])
		if m.owners[i] = owner; owner != nil && !owner.Unreadable {
			m.fill(owner, blobs[i].Kind, data, state.Unreadable)
		}
	}
	return b, nil
}

// ownerOf finds the value a blob belongs to: nil where the slice is too short.
func (m *builder) ownerOf(v *Value, blob *types.Blob) *Value {
	if blob.Parent >= 0 {
		slice := m.owners[blob.Parent]
		if slice == nil || blob.Slot >= len(slice.Elems) {
			return nil
		}
		v = &slice.Elems[blob.Slot]
	}
	for _, i := range blob.Path {
		v = &v.Elems[i]
	}
	return v
}

// fill puts the bytes of a blob, or that they could not be read, into the
// value they belong to.
func (m *builder) fill(v *Value, kind types.BlobKind, data []byte, unreadable bool) {
	if unreadable && kind != types.BlobText && kind != types.BlobHeld {
		v.Unreadable = true
		return
	}
	switch kind {
	case types.BlobString:
		v.Str = data
		v.Truncated = int64(len(data)) < v.Total
	case types.BlobElems:
		m.fillSlice(v, data)
	case types.BlobMapLen:
		v.Int, v.Truncated = integer(data, false), false
	case types.BlobDynType:
		addr := v.Int
		if !v.Type.Empty {
			addr = word(data)
		}
		m.dynType = GoType{}
		if v.Int != 0 {
			m.dynType = m.syms.goType(m.tgid, addr)
			v.Text = fmt.Sprintf("%s(0x%x)", m.dynType.Name, uint64(v.Total))
		}
	case types.BlobText:
		switch {
		case m.dynType.String:
			v.Str, v.Text, v.Unreadable = data, "", unreadable
		case m.dynType.LeadsText && v.Type.Name == "error" && len(data) > 0:
			v.Str, v.Text = data, ""
		}
	case types.BlobHeld:
		held := m.dynType.Held
		if v.Str == nil && held != nil && held.Size <= len(data) && !v.Unreadable {
			v.Text, v.Elems = m.dynType.Name, m.take(1)
			m.memory(&v.Elems[0], held, data[:held.Size])
		}
	}
}

func (m *builder) fillSlice(v *Value, data []byte) {
	elem := v.Type.Elem
	n := min(types.SliceElems(v.Type), int(v.Total))
	if elem.Size > 0 {
		n = min(n, len(data)/elem.Size)
	}
	v.Elems = m.take(n)
	for i := range v.Elems {
		m.memory(&v.Elems[i], elem, data[i*elem.Size:(i+1)*elem.Size])
	}
	v.More = int(v.Total) - n
}

// word reads a u64, zero from fewer bytes.
func word(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}
