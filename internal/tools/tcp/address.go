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

// test is whether a member of the socket sk has the address, by what the member
// is called for either version.
func (a *Address) test(v4, v6 string) syntax.Expr {
	return Prefix{netip.PrefixFrom(a.Addr, a.BitLen())}.test("ip_version(sk)", "sk", v4, v6)
}

// Prefix is a subnet.
type Prefix struct{ netip.Prefix }

// test is whether a member of a socket lies in the subnet. The kernel holds
// addresses in the order of the network, in words of this machine.
func (p Prefix) test(version, sk, v4, v6 string) syntax.Expr {
	if p.Addr().Is4() {
		a := p.Addr().As4()
		return tool.Expr(fmt.Sprintf("%s == 4%s", version, masked(sk+".__sk_common."+v4, a[:], p.Bits())))
	}
	a := p.Addr().As16()
	text := version + " == 6"
	for i := range 4 {
		text += masked(fmt.Sprintf("%s.__sk_common.%s.in6_u.u6_addr32[%d]", sk, v6, i), a[4*i:4*i+4], min(max(p.Bits()-32*i, 0), 32))
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
	return p.test("$version", "$sk", "skc_daddr", "skc_v6_daddr")
}
