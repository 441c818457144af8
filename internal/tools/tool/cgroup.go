package tool

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// maxCgroups bounds the comparisons that a probe makes.
const maxCgroups = 64

// InCgroup is whether id, the id of a cgroup, is that of the one at path or of
// one below it.
func InCgroup(path string, id syntax.Expr) (syntax.Expr, error) {
	if _, err := kernel.CgroupID(path); err != nil {
		return nil, err
	}
	var in syntax.Expr
	count := 0
	err := filepath.WalkDir(path, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if count++; count > maxCgroups {
			return fmt.Errorf("more than %d cgroups below it: give one further down", maxCgroups-1)
		}
		n, err := kernel.CgroupID(dir)
		if err != nil {
			return err
		}
		is := &syntax.BinaryExpr{Op: syntax.OpEq, L: id, R: Int(n)}
		if in == nil {
			in = is
		} else {
			in = &syntax.BinaryExpr{Op: syntax.OpLOr, L: in, R: is}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", path, err)
	}
	return in, nil
}
