package rpc

import (
	_ "embed"
	"go/version"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rpcxray/rpcxray/internal/types"
)

// offsetsText says where fields lie in versions of the modules, for binaries that do
// not tell: which versions were looked at, then a line a field with its module and those
// versions in which it lies elsewhere than in the one before, "-" where it is not.
//
//go:generate go run ../../tests/offsets
//go:embed offsets.txt
var offsetsText string

// place is where a field lies from a version on.
type place struct {
	version string
	off     uint64
	absent  bool
}

// places are what is known of a field.
type places struct {
	module string
	list   []place
}

// offsets is what offsetsText says: of fields, and which versions of modules it knows.
type offsets struct {
	fields   map[string]places
	versions map[string][]string
}

var table = sync.OnceValue(func() offsets {
	all := offsets{map[string]places{}, map[string][]string{}}
	for line := range strings.Lines(offsetsText) {
		words := strings.Fields(line)
		switch {
		case len(words) < 3 || words[0] == "#":
			continue
		case words[0] == "versions":
			all.versions[words[1]] = words[2:]
			continue
		}
		f := places{module: words[0]}
		for _, w := range words[2:] {
			from, at, _ := strings.Cut(w, "=")
			off, err := strconv.ParseUint(at, 10, 32)
			f.list = append(f.list, place{from, off, err != nil})
		}
		all.fields[words[1]] = f
	}
	return all
})

// at is where the field lies in a version, that of the oldest known in older ones.
func (p places) at(v string) place {
	i := len(p.list) - 1
	for i > 0 && Older(v, p.list[i].version) {
		i--
	}
	return p.list[i]
}

// Key names the field in the table.
func (f Fact) Key() string { return f.Struct + "." + f.Field }

// In is where the field lies in its struct; false if it has no such field.
func (f Fact) In(t *types.Type) (uint64, bool) {
	off := 0
	for name := range strings.SplitSeq(f.Field, ".") {
		fl, ok := t.FieldNamed(name)
		if !ok {
			return 0, false
		}
		off += fl.Offset
		t = fl.Type
	}
	return uint64(off), !f.Pointer || t.Kind == types.Pointer
}

// Tabled is where the field lies by the table, in a binary with modules in these
// versions, and in which version it was looked up. It is a guess where the binary's is
// newer or older than all, none, or between two in which the field lies elsewhere. False
// where there is no such field, or the table does not know it.
func (f Fact) Tabled(versionOf func(module string) string) (off uint64, of string, guess, ok bool) {
	field, ok := table().fields[f.Key()]
	if !ok {
		return 0, "", false, false
	}
	has := versionOf(field.module)
	known := table().versions[field.module]
	of = known[len(known)-1]
	guess = true
	if goVersion(has) != "" {
		after := slices.IndexFunc(known, func(v string) bool { return !Older(v, has) })
		switch {
		case after < 0: // newer than all
		case !Older(has, known[after]): // one of them
			of, guess = known[after], false
		case after == 0:
			of = known[0]
		default:
			of = known[after-1]
			guess = field.at(of) != field.at(known[after])
		}
	}
	p := field.at(of)
	return p.off, of, guess, !p.absent
}

// Owner is the module whose version says where the field lies; "" if the table does not
// know the field.
func (f Fact) Owner() string { return table().fields[f.Key()].module }

// Older tells whether a module's version is older than another; false if it is none.
// Pseudo-versions and what is no release are taken as their numbers say.
func Older(has, than string) bool {
	v := goVersion(has)
	return v != "" && version.Compare(v, goVersion(than)) < 0
}

// goVersion is a module's version as one of Go, which can be compared; "" if it is none.
func goVersion(v string) string {
	text := "go" + strings.TrimPrefix(strings.TrimPrefix(v, "v"), "go")
	text, _, _ = strings.Cut(text, " ") // experiments of the toolchain
	if text, _, _ = strings.Cut(text, "-"); !version.IsValid(text) {
		return ""
	}
	return text
}
