package tcp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

// Address is a flag with an address of IP, invalid if it is not given.
type Address struct{ netip.Addr }

// Set implements pflag.Value.
func (a *Address) Set(text string) error {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return fmt.Errorf("an address such as 10.0.0.1 or 2001:db8::1 is needed")
	}
	a.Addr = addr.Unmap()
	return nil
}

// Type implements pflag.Value.
func (a *Address) Type() string { return "address" }

// String implements pflag.Value.
func (a *Address) String() string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr.String()
}

// whole is the subnet of the address alone.
func (a *Address) whole() Prefix { return Prefix{netip.PrefixFrom(a.Addr, a.BitLen())} }

// words is an address in the kernel as an expression: its only word in IPv4, its
// words in IPv6. The kernel holds addresses in the order of the network, in words of
// this machine.
type words struct {
	v4 string
	v6 func(i int) string
}

// member is the address of a socket, by what it is called for either version.
func member(sk, v4, v6 string) words {
	return words{sk + ".__sk_common." + v4, func(i int) string {
		return fmt.Sprintf("%s.__sk_common.%s.in6_u.u6_addr32[%d]", sk, v6, i)
	}}
}

// behind is the address that a variable points to.
func behind(pointer string) words {
	return words{"*" + pointer, func(i int) string { return fmt.Sprintf("*(%s + %d)", pointer, i) }}
}

// Prefix is a subnet.
type Prefix struct{ netip.Prefix }

// test is whether an address of the version lies in the subnet.
func (p Prefix) test(version string, w words) syntax.Expr {
	if p.Addr().Is4() {
		a := p.Addr().As4()
		return tool.Expr(version + " == 4" + masked(w.v4, a[:], p.Bits()))
	}
	a := p.Addr().As16()
	text := version + " == 6"
	for i := range 4 {
		text += masked(w.v6(i), a[4*i:4*i+4], min(max(p.Bits()-32*i, 0), 32))
	}
	return tool.Expr(text)
}

// masked is && and whether the first bits of a word are those of bytes, nothing
// for no bits.
func masked(word string, bytes []byte, bits int) string {
	var text strings.Builder
	var mask [4]byte
	binary.BigEndian.PutUint32(mask[:], ^uint32(0)<<(32-bits))
	m, want := binary.NativeEndian.Uint32(mask[:]), binary.NativeEndian.Uint32(bytes)
	switch bits {
	case 0:
	case 32:
		fmt.Fprintf(&text, " && %s == %#x", word, want)
	default:
		fmt.Fprintf(&text, " && (%s & %#x) == %#x", word, m, want&m)
	}
	return text.String()
}

// Subnet reads a subnet: 10.0.0.0/8, 2001:db8::/32 or an address.
func Subnet(text string) (Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return Prefix{netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return Prefix{}, fmt.Errorf("%q is no subnet: write 10.0.0.0/8 or 2001:db8::/32", text)
	}
	return Prefix{p}, nil
}

// Remote is whether the peer of the socket $sk lies in the subnet; the script has
// the version in $version.
func (p Prefix) Remote() syntax.Expr {
	return p.test("$version", member("$sk", "skc_daddr", "skc_v6_daddr"))
}
