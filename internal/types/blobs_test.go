package types

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	goString = &Type{Kind: GoString, Size: 16, Name: "string"}
	goMap    = &Type{Kind: GoMap, Size: 8, Name: "map[string]int"}
	goError  = &Type{Kind: GoInterface, Size: 16, Name: "error"}
)

func sliceOf(elem *Type) *Type { return &Type{Kind: GoSlice, Size: 24, Elem: elem} }

func TestBlobs(t *testing.T) {
	inner := &Type{Kind: Struct, Size: 24, Fields: []Field{{Name: "N", Type: TInt64}, {Name: "S", Type: goString, Offset: 8}}}
	ints, structs := sliceOf(TInt32), sliceOf(inner)
	outer := &Type{Kind: Struct, Size: 64, Fields: []Field{
		{Name: "M", Type: goMap},
		{Name: "E", Type: goError, Offset: 8},
		{Name: "I", Type: ints, Offset: 24},
		{Name: "A", Type: ArrayOf(goString, 1), Offset: 48},
	}}
	want := []Blob{
		{Kind: BlobMapLen, Type: goMap, Parent: -1, Path: []int{0}, Max: 8},
		{Kind: BlobDynType, Type: goError, Parent: -1, Off: 8, Path: []int{1}, Max: 8},
		{Kind: BlobText, Type: goError, Parent: -1, Off: 8, Path: []int{1}, Max: MaxGoString},
		{Kind: BlobHeld, Type: goError, Parent: -1, Off: 8, Path: []int{1}, Max: MaxHeld},
		{Kind: BlobElems, Type: ints, Parent: -1, Off: 24, Path: []int{2}, Max: 64},
		{Kind: BlobString, Type: goString, Parent: -1, Off: 48, Path: []int{3, 0}, Max: MaxGoString},
	}
	if diff := cmp.Diff(want, Blobs(outer)); diff != "" {
		t.Error(diff)
	}
	list := Blobs(structs)
	if len(list) != 1+MaxSliceSlots || list[0].Max != 8*24 {
		t.Fatalf("blobs of []struct: %d, first of %d bytes", len(list), list[0].Max)
	}
	last := Blob{Kind: BlobString, Type: goString, Slot: 7, Off: 8, Path: []int{1}, Max: MaxGoString}
	if diff := cmp.Diff(last, list[8]); diff != "" {
		t.Error(diff)
	}
	if list := Blobs(sliceOf(TUint8)); len(list) != 1 || list[0].Max != MaxGoBytes {
		t.Errorf("blobs of []byte: %+v", list)
	}
	if list := Blobs(TupleOf(TInt32, Str(16), PointerTo(inner, SpaceUser))); list != nil {
		t.Errorf("blobs of a tuple without Go values: %+v", list)
	}
}

func TestBlobsOfTypeThatHoldsItself(t *testing.T) {
	node := &Type{Kind: Struct, Size: 40}
	node.Fields = []Field{{Name: "Name", Type: goString}, {Name: "Kids", Type: sliceOf(node), Offset: 16}}
	list := Blobs(node)
	if len(list) != MaxBlobs {
		t.Fatalf("%d blobs, want %d", len(list), MaxBlobs)
	}
	for _, b := range list {
		depth := 0
		for p := b.Parent; p >= 0; p = list[p].Parent {
			depth++
		}
		if depth > maxSliceDepth {
			t.Fatalf("blob %+v lies in %d slices", b, depth)
		}
	}
}
