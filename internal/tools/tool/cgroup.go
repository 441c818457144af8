package tool

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// maxChoices bounds the comparisons that a probe makes.
const maxChoices = 64

// InCgroup is whether id, the id of a cgroup, is that of the one at path or of
// one below it.
func InCgroup(path string, id syntax.Expr) (syntax.Expr, error) {
	if _, err := kernel.CgroupID(path); err != nil {
		return nil, err
	}
	var ids []uint64
	err := filepath.WalkDir(path, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if len(ids) == maxChoices {
			return fmt.Errorf("more than %d cgroups below it: give one further down", maxChoices-1)
		}
		n, err := kernel.CgroupID(dir)
		ids = append(ids, n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", path, err)
	}
	return oneOf(id, ids), nil
}

// InPinned is whether a number is a key of the map that is pinned at path, as it is
// now.
func InPinned(path string, n syntax.Expr) (syntax.Expr, error) {
	keys, err := kernel.PinnedKeys(path)
	if err != nil {
		return nil, err
	}
	if len(keys) > maxChoices {
		return nil, fmt.Errorf("pinned map %s: it has %d keys, at most %d can be looked for", path, len(keys), maxChoices)
	}
	return oneOf(n, keys), nil
}

func oneOf(n syntax.Expr, choices []uint64) syntax.Expr {
	var in syntax.Expr = Bool(false)
	for i, c := range choices {
		is := &syntax.BinaryExpr{Op: syntax.OpEq, L: n, R: Int(c)}
		if i == 0 {
			in = is
		} else {
			in = &syntax.BinaryExpr{Op: syntax.OpLOr, L: in, R: is}
		}
	}
	return in
}
