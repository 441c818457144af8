package language

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// sender sends ten packets that can be told from all others.
const sender = `package main

import (
	"fmt"
	"net"
)

func main() {
	to, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	c, err := net.Dial("udp", to.LocalAddr().String())
	if err != nil {
		panic(err)
	}
	for i := range 10 {
		fmt.Fprintf(c, "packet %d of rpcxray", i)
	}
}
`

// TestPackets reads the file that skboutput() writes.
func TestPackets(t *testing.T) {
	testkit.Root(t)
	testkit.Need(t, kernel.Detect().Require(kernel.FeatureTpBTF))
	bin := testkit.Build(t, fixture.Spec{Source: sender})
	file := filepath.Join(t.TempDir(), "out.pcap")
	began := time.Now()
	// Packets of others may leave while the sender runs: its own have one length, 42
	// bytes of headers and 19 of text.
	const script = `rawtracepoint:net_dev_queue /pid == cpid && args.skb.len == 61/ {
		@[skboutput(%[1]q, args.skb, args.skb.len, 14)] = count();
		@long[skboutput(%[1]q, args.skb, args.skb.len + 1, 14)] = count(); }`
	r := testkit.RunCLI(t, "run", "-q", "-c", bin, "-e", fmt.Sprintf(script, file))
	if want := "\n\n@[0]: 10\n@long[-14]: 10\n"; r.Stdout != want || r.Code != 0 {
		t.Fatalf("status %d\n%s%s\nwant %s", r.Code, r.Stdout, r.Stderr, want)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head := []byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0}
	if !bytes.HasPrefix(raw, head) {
		t.Fatalf("head of the file is % x", raw[:min(len(raw), len(head))])
	}
	raw = raw[len(head):]
	for i := range 10 {
		sec, n, whole := binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[8:]), binary.LittleEndian.Uint32(raw[12:])
		if at := time.Unix(int64(sec), 0); at.Before(began.Add(-2*time.Second)) || at.After(time.Now().Add(2*time.Second)) {
			t.Errorf("packet %d is of %v", i, at)
		}
		pkt := raw[16 : 16+n]
		raw = raw[16+n:]
		payload := fmt.Sprintf("packet %d of rpcxray", i)
		if pkt[0] != 0x45 || n != whole || string(pkt[28:]) != payload {
			t.Errorf("packet %d is % x, want IP and UDP with %q", i, pkt, payload)
		}
	}
	if len(raw) != 0 {
		t.Errorf("%d bytes behind the last packet", len(raw))
	}
}
