package gobin

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// memberMark parts the path of a zip archive from that of a program in it, as loaders
// that map programs straight out of archives write it: app.zip!/lib/x.so.
const memberMark = "!/"

// part is where a program is in an open file: all of it, unless it is in an archive.
type part struct {
	start, size int64
}

// openPart opens the file that path is in.
func openPart(path string) (*os.File, part, error) {
	st, err := os.Stat(path)
	archive, member, packed := strings.Cut(path, memberMark)
	if err != nil && packed {
		path = archive
		st, err = os.Stat(path)
	} else {
		packed = false
	}
	if err != nil {
		return nil, part{}, err
	}
	if !st.Mode().IsRegular() {
		return nil, part{}, fmt.Errorf("%s: %w: %s", path, ErrNotELF, describeMode(st.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, part{}, err
	}
	whole := part{size: st.Size()}
	if packed {
		whole, err = memberOf(f, st.Size(), member)
	}
	if err != nil {
		f.Close()
		return nil, part{}, fmt.Errorf("%s: %w", archive, err)
	}
	return f, whole, nil
}

// memberOf finds a program in a zip archive. Code can be mapped only from what is
// stored as it is.
func memberOf(r io.ReaderAt, size int64, name string) (part, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return part{}, err
	}
	for _, f := range z.File {
		if f.Name != name {
			continue
		}
		start, err := f.DataOffset()
		length := int64(f.UncompressedSize64)
		switch {
		case err != nil:
			return part{}, err
		case f.Method != zip.Store:
			return part{}, fmt.Errorf("%s is compressed: no process can run it from there", name)
		case start < 0 || length < 0 || length > size-start:
			return part{}, io.ErrUnexpectedEOF
		}
		return part{start, length}, nil
	}
	return part{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}
