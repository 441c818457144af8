package tcpconnect

import (
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// answer is a name server's, with an alias, an address of either version and
// something else.
func answer(tb testing.TB) []byte {
	tb.Helper()
	name, alias := dnsmessage.MustNewName("Name.example."), dnsmessage.MustNewName("alias.example.")
	head := func(n dnsmessage.Name) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: n, Class: dnsmessage.ClassINET}
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
		Answers: []dnsmessage.Resource{
			{Header: head(name), Body: &dnsmessage.CNAMEResource{CNAME: alias}},
			{Header: head(alias), Body: &dnsmessage.AResource{A: [4]byte{10, 0, 0, 1}}},
			{Header: head(alias), Body: &dnsmessage.TXTResource{TXT: []string{"10.0.0.2"}}},
			{Header: head(alias), Body: &dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 1, 15: 7}}},
		}}
	text, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestAddresses(t *testing.T) {
	got := addresses(answer(t))
	if len(got) != 2 || got[netip.MustParseAddr("10.0.0.1")] != "Name.example" || got[netip.MustParseAddr("2001::7")] != "Name.example" {
		t.Errorf("addresses: %v", got)
	}
	question := answer(t)
	question[2] &^= 0x80
	if got := addresses(question); len(got) != 0 {
		t.Errorf("addresses of a question: %v", got)
	}
}

// FuzzAddresses tests that no message from the network takes long or gives addresses
// without a name.
func FuzzAddresses(f *testing.F) {
	whole := answer(f)
	for n := range len(whole) + 1 {
		f.Add(whole[:n])
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		for addr := range addresses(message) {
			if !addr.IsValid() || len(message) < 12 {
				t.Errorf("%v from %x", addr, message)
			}
		}
	})
}
