package rpcsummary

import (
	"testing"

	"github.com/rpcxray/rpcxray/internal/rpc"
)

// TestKinds tests that the report has room for the name of each framework.
func TestKinds(t *testing.T) {
	width := 0
	for _, c := range columns() {
		if c.Field == "framework" {
			width = c.Width
		}
	}
	for _, f := range rpc.All() {
		if len(f.Name) > width {
			t.Errorf("%s does not fit into %d columns", f.Name, width)
		}
	}
}
