package tcp

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// slowLoopback makes this thread's loopback a link of 4 Mbit/s with packets of 1500
// bytes and a queue of 12,000: more is dropped. It is what
//
//	ip link set lo mtu 1500
//	tc qdisc add dev lo root tbf rate 4mbit burst 8k limit 12k
//
// do, for machines without these commands.
func slowLoopback() error {
	const rate, burst, limit = 4_000_000 / 8, 8 << 10, 12 << 10
	if err := setMTU("lo", 1500); err != nil {
		return err
	}
	native := binary.NativeEndian
	// struct tc_tbf_qopt: a rate of which the kernel counts the times itself, no peak.
	parms := []byte{0, linkEthernet, 0, 0, 0, 0, 0, 0}
	parms = native.AppendUint32(parms, rate)
	parms = append(parms, make([]byte, 12)...)
	parms = native.AppendUint32(parms, limit)
	parms = append(parms, make([]byte, 8)...)
	options := append(attribute(tbfParms, parms), attribute(tbfBurst, native.AppendUint32(nil, burst))...)

	// struct tcmsg: the root of interface 1.
	message := native.AppendUint32([]byte{0, 0, 0, 0}, 1)
	message = native.AppendUint32(message, 0)
	message = native.AppendUint32(message, rootQdisc)
	message = native.AppendUint32(message, 0)
	message = append(message, attribute(unix.TCA_KIND, []byte("tbf\x00"))...)
	message = append(message, attribute(unix.TCA_OPTIONS, options)...)
	return netlink(unix.RTM_NEWQDISC, message)
}

// From linux/pkt_sched.h.
const (
	linkEthernet = 1 // TC_LINKLAYER_ETHERNET
	tbfParms     = 1 // TCA_TBF_PARMS
	tbfBurst     = 6 // TCA_TBF_BURST
	rootQdisc    = 0xffffffff
)

func setMTU(name string, mtu uint32) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	ifr.SetUint32(mtu)
	return unix.IoctlIfreq(fd, unix.SIOCSIFMTU, ifr)
}

// attribute is one of netlink's, padded.
func attribute(kind uint16, value []byte) []byte {
	a := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	a = append(binary.NativeEndian.AppendUint16(a, kind), value...)
	return append(a, make([]byte, -len(a)&3)...)
}

// netlink sends a request that makes something and returns the kernel's answer.
func netlink(kind uint16, message []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	native := binary.NativeEndian
	request := native.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(message)))
	request = native.AppendUint16(request, kind)
	request = native.AppendUint16(request, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	request = append(request, make([]byte, 8)...)
	if err := unix.Sendto(fd, append(request, message...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil || n < unix.SizeofNlMsghdr+4 {
		return fmt.Errorf("netlink answers with %d bytes: %v", n, err)
	}
	if errno := -int32(native.Uint32(answer[unix.SizeofNlMsghdr:])); errno != 0 {
		return unix.Errno(errno)
	}
	return nil
}
