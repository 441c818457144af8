package types

// Blobs of Go values. The image of a Go value is its words in memory; what
// lies behind them follows as blobs. An argument's items are its whole image
// and then, in the order of Blobs, one blob for each entry of that list,
// present or not: one that does not apply (nil, a slot beyond the slice's end)
// has count zero, one that could not be read has the count StrUnreadable.
const (
	// MaxSliceElems is how many elements of a slice are sent, MaxSliceBytes
	// what they may measure; of bytes as many as that are sent.
	MaxSliceElems = 16
	MaxSliceBytes = 4096
	// MaxSliceSlots is the same for elements that have blobs of their own.
	MaxSliceSlots = 8
	// MaxGoBytes bounds the blob of a slice of bytes.
	MaxGoBytes = 256
	// MaxGoString bounds the bytes of a Go string.
	MaxGoString = 4096
	// MaxHeld bounds what is read behind an interface's data word.
	MaxHeld = 64
	// MaxBlobs bounds the blobs of an argument, maxSliceDepth the slices in
	// slices: a Go type may hold itself through a slice.
	MaxBlobs      = 64
	maxSliceDepth = 2
)

// BlobKind says what the bytes of a blob are.
type BlobKind uint8

// The kinds of blobs.
const (
	// BlobString: the bytes of a GoString. Fewer than its length: it was cut.
	BlobString BlobKind = iota
	// BlobElems: the images of the first elements of a GoSlice.
	BlobElems
	// BlobDynType: 8 bytes of a GoInterface, the address of its dynamic type
	// from the itab; count zero for one that is Empty, whose first word is it.
	BlobDynType
	// BlobText: the bytes of the string header that lies where the data word
	// of a GoInterface points; count zero where that is no sound header.
	BlobText
	// BlobHeld: the bytes where the data word of a GoInterface points, whatever its
	// dynamic type; count zero for a nil one.
	BlobHeld
	// BlobMapLen: 4 or 8 bytes, the length of a GoMap; count zero for a nil map.
	BlobMapLen
)

// Blob is one blob that follows the image of an argument.
type Blob struct {
	Kind BlobKind
	// Type is that of the value the blob belongs to: GoString, GoSlice,
	// GoInterface or GoMap.
	Type *Type
	// Parent is the index of the blob of the slice in whose element Slot the
	// value lies, -1 where it lies in the argument itself.
	Parent int
	Slot   int
	// Off is where the value lies, in bytes from the start of the argument or
	// element; Path is the same as indexes of fields and array elements.
	Off  int
	Path []int
	// Max is the most bytes the blob may have.
	Max int
}

// Blobs returns the blobs of an argument of type t, nil for a type without Go
// values. Values that the limits cut off have no blob.
func Blobs(t *Type) []Blob {
	w := blobWalk{}
	w.walk(t, Blob{Parent: -1}, 0)
	return w.list
}

// SliceElems returns how many elements of the slice type t are sent.
func SliceElems(t *Type) int {
	size := max(t.Elem.Size, 1)
	switch {
	case hasBlobs(t.Elem):
		return min(MaxSliceSlots, MaxSliceBytes/size)
	case size == 1:
		return MaxGoBytes
	}
	return min(MaxSliceElems, MaxSliceBytes/size)
}

// hasBlobs tells whether a value of t holds a Go value.
func hasBlobs(t *Type) bool {
	switch t.Kind {
	case GoString, GoSlice, GoInterface, GoMap:
		return true
	case Array:
		return hasBlobs(t.Elem)
	case Struct, Tuple, Record:
		for i := range t.Fields {
			if hasBlobs(t.Fields[i].Type) {
				return true
			}
		}
	}
	return false
}

type blobWalk struct{ list []Blob }

func (w *blobWalk) add(at Blob, kind BlobKind, t *Type, size int) bool {
	if len(w.list) == MaxBlobs {
		return false
	}
	at.Kind, at.Type, at.Max = kind, t, size
	at.Path = append([]int(nil), at.Path...)
	w.list = append(w.list, at)
	return true
}

// walk adds the blobs of a value of t that lies at at, inside depth slices.
func (w *blobWalk) walk(t *Type, at Blob, depth int) {
	switch t.Kind {
	case GoString:
		w.add(at, BlobString, t, MaxGoString)
	case GoMap:
		w.add(at, BlobMapLen, t, 8)
	case GoInterface:
		w.add(at, BlobDynType, t, 8)
		w.add(at, BlobText, t, MaxGoString)
		w.add(at, BlobHeld, t, MaxHeld)
	case GoSlice:
		w.slice(t, at, depth)
	case Array:
		if !hasBlobs(t.Elem) {
			return
		}
		for i := range min(t.Len, MaxSliceSlots) {
			w.walk(t.Elem, at.inner(i, i*t.Elem.Size), depth)
		}
	case Struct, Tuple, Record:
		for i := range t.Fields {
			w.walk(t.Fields[i].Type, at.inner(i, t.Fields[i].Offset), depth)
		}
	}
}

func (w *blobWalk) slice(t *Type, at Blob, depth int) {
	if depth == maxSliceDepth || !w.add(at, BlobElems, t, SliceElems(t)*t.Elem.Size) || !hasBlobs(t.Elem) {
		return
	}
	parent := len(w.list) - 1
	for i := range SliceElems(t) {
		w.walk(t.Elem, Blob{Parent: parent, Slot: i}, depth+1)
	}
}

// inner is the place of part i, off bytes into b.
func (b Blob) inner(i, off int) Blob {
	b.Off += off
	b.Path = append(b.Path[:len(b.Path):len(b.Path)], i)
	return b
}
