package gobin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// maxXZWindow bounds the memory that unpacking takes; xz's highest level asks for it.
const maxXZWindow = 64 << 20

// Of the xz format: a header, blocks, an index of them, a footer.
const (
	xzHeader = "\xfd7zXZ\x00"
	xzEdge   = 12 // bytes of the header, and of the footer
	xzSizes  = 0x40 | 0x80
	xzLZMA2  = 0x21
)

var errXZ = errors.New("not xz as it is read here: one block, packed by LZMA2 only")

// unpackXZ unpacks a file of one block, as all but the largest have, to at most limit
// bytes.
func unpackXZ(b []byte, limit int64) ([]byte, error) {
	if len(b) < 2*xzEdge || string(b[:len(xzHeader)]) != xzHeader || xzBlocks(b) != 1 {
		return nil, errXZ
	}
	b = b[xzEdge:]
	size := 4 * (int(b[0]) + 1)
	if size > len(b) {
		return nil, errXZ
	}
	window, err := xzWindow(&cursor{b: b[1:size]})
	if err != nil {
		return nil, err
	}
	r, err := lzma.Reader2Config{DictCap: window}.NewReader2(bytes.NewReader(b[size:]))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(out)) > limit {
		err = fmt.Errorf("it unpacks to more than %d bytes", limit)
	}
	return out, err
}

// xzBlocks reads the number of blocks in the index, which the footer leads to.
func xzBlocks(b []byte) uint64 {
	end := len(b) - xzEdge
	size := 4 * (int64(binary.LittleEndian.Uint32(b[end+4:])) + 1)
	if size > int64(end) || size < 2 {
		return 0
	}
	return (&cursor{b: b[int64(end)-size+1 : end]}).uleb()
}

// xzWindow reads the size of the window from a block's header.
func xzWindow(c *cursor) (int, error) {
	flags := c.fixed(1)
	for sizes := flags & xzSizes; sizes != 0; sizes &= sizes - 1 {
		c.uleb()
	}
	if flags&^xzSizes != 0 || c.uleb() != xzLZMA2 || c.uleb() != 1 {
		return 0, errXZ
	}
	window, err := lzma.DecodeDictCap(byte(c.fixed(1)))
	switch {
	case c.err != nil:
		return 0, c.err
	case err != nil:
		return 0, err
	case window > maxXZWindow:
		return 0, fmt.Errorf("a window of %d bytes: too large", window)
	}
	return int(max(window, lzma.MinDictCap)), nil
}
