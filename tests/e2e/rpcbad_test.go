package e2e

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// wire is an rpcx message of these parts: names of service and method, metadata,
// payload.
func wire(parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(p))), p...)
	}
	return framed(uint32(len(body)), body)
}

// framed is a message whose header says that so many bytes follow.
func framed(length uint32, body []byte) []byte {
	head := []byte{8, 0, 0, 1 << 4, 0, 0, 0, 0, 0, 0, 0, 7} // a request, JSON, number 7
	return append(binary.BigEndian.AppendUint32(head, length), body...)
}

// long is a length, and what is there of it.
func long(n uint32, text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, n), text...)
}

// sendRaw sends bytes on a connection of their own and waits until the server has
// closed it or answered.
func sendRaw(t *testing.T, addr string, message []byte, answered bool) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(message); err != nil {
		t.Fatal(err)
	}
	if answered {
		if _, err := io.ReadFull(conn, make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, conn) // ends with the server's end of the connection, whatever it says
}

// TestRPCXForged sends a server messages that lie about their lengths, end early and name
// things by control characters: all that is no call is passed over, and what comes
// after it is seen as ever.
func TestRPCXForged(t *testing.T) {
	testkit.Root(t)
	const name, method = "Ar\x1b[31m\"ith\n", "M\x07,ul\t\u202e"
	path := copied(t, rpcxBuild{}.path(t))
	server := testkit.Start(t, path, "serve")
	addr := server.Stdout.WaitLine(`^ready (.*)$`)[1]
	formats := []string{"table", "csv", "jsonl"}
	var tracers []*testkit.Proc
	for _, format := range formats {
		p := testkit.StartCLI(t, "rpc", "trace", "--side", "server", "--format", format, "--max-overhead", "none", path)
		heading := p.Stderr
		if format == "table" {
			heading = p.Stdout
		}
		heading.WaitLine(`^Tracing `)
		tracers = append(tracers, p)
	}
	for _, m := range [][]byte{
		framed(1<<26, nil),                        // ends before its body
		wire([]byte("Arith"), []byte("Mul"))[:20], // ends in its names
		framed(12, long(0xfffffff0, "Arith...")),  // a name longer than all
		framed(20, append(long(5, "Arith"), long(0x7fffffff, "Mul....")...)),
		wire([]byte("Arith"), []byte("Mul"), long(0xffffffff, "key"), []byte("{}")), // metadata
		wire([]byte("Arith"), []byte("Mul"), append(long(3, "key"), long(0xfffffff7, "v")...), []byte("{}")),
		{8, 0, 0},
	} {
		sendRaw(t, addr, m, false)
	}
	sendRaw(t, addr, wire([]byte(name), []byte(method), nil, []byte("{}")), true)
	sendRaw(t, addr, wire([]byte("Arith"), []byte("Mul"), nil, []byte(`{"A":6,"B":7}`)), true)
	leave(t, server)
	for i, p := range tracers {
		lines := finish(t, p)
		lossless(t, p)
		text := strings.Join(lines, "\n")
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' && formats[i] == "table" }) {
			t.Errorf("%s: control characters in %q", formats[i], text)
		}
		if formats[i] != "jsonl" {
			continue
		}
		var calls []string
		for _, line := range lines {
			var v struct{ Service, Method, Status string }
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Errorf("line %q: %v", line, err)
			}
			calls = append(calls, strings.Join([]string{v.Service, v.Method, v.Status}, "|"))
		}
		for _, want := range []string{name + "|" + method + "|error", "Arith|Mul|ok"} {
			if !slices.Contains(calls, want) {
				t.Errorf("%q is not among %q", want, calls)
			}
		}
	}
}
