package run

import (
	"os"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/rpc"
)

// TestPlaceOf looks for fields in a binary that describes them, in one that does not, and
// for one that is nowhere.
func TestPlaceOf(t *testing.T) {
	f, err := gobin.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	formerly := rpc.Fact{Struct: "os.file", Field: "formerly"}
	for _, c := range []struct {
		facts []rpc.Fact
		value uint64
		from  string
	}{
		{[]rpc.Fact{{Struct: "internal/poll.FD", Field: "Sysfd"}}, 16, "|DWARF|runtime types|"},
		{[]rpc.Fact{formerly, {Struct: "internal/poll.FD", Field: "Sysfd"}}, 16, "|DWARF|runtime types|"},
		{[]rpc.Fact{{Struct: "net/http.Request", Field: "URL"}}, 16, "|the table of "},
		{[]rpc.Fact{{Struct: "google.golang.org/grpc.csAttempt", Field: "cs", Otherwise: 7}}, 7, "||"}, // a module that is not there
		{[]rpc.Fact{{Struct: "main.Nothing", Field: "x", Otherwise: 9}}, 9, "|nothing|"},
	} {
		got := placeOf(f, c.facts)
		if got.value != c.value || !strings.Contains(c.from, "|"+got.from) && !strings.HasPrefix("|"+got.from, c.from) {
			t.Errorf("%s: %+v, want %d from one of %s", c.facts[0].Key(), got, c.value, c.from)
		}
	}
}
