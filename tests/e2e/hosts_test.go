package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// The addresses of the hosts that these tests make, and one that is translated to the
// first on its way.
const (
	serverHost = "10.77.0.1"
	clientHost = "10.77.0.2"
	translated = "10.99.0.1"
)

// twoHosts makes two network namespaces that a cable joins, and returns their names.
func twoHosts(t *testing.T) (server, client string) {
	t.Helper()
	testkit.Root(t)
	_, err := exec.LookPath("ip")
	testkit.Need(t, err)
	server, client = fmt.Sprint("rpcxray-s", os.Getpid()), fmt.Sprint("rpcxray-c", os.Getpid())
	for _, name := range []string{server, client} {
		ip(t, "netns add "+name)
		t.Cleanup(func() { ip(t, "netns del "+name) })
	}
	ip(t, "link add eth0 netns "+server+" type veth peer name eth0 netns "+client)
	for name, address := range map[string]string{server: serverHost, client: clientHost} {
		ip(t, "-n "+name+" addr add "+address+"/24 dev eth0")
		ip(t, "-n "+name+" link set eth0 up")
	}
	return server, client
}

func ip(t *testing.T, args string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v\n%s", args, err, out)
	}
	return string(out)
}

// on starts a program on a host.
func on(t *testing.T, host, path string, args ...string) *testkit.Proc {
	t.Helper()
	return testkit.Start(t, "ip", append([]string{"netns", "exec", host, path}, args...)...)
}

// translate has the client's host take the address translated for the server's.
func translate(t *testing.T, server, client string) {
	t.Helper()
	var mac struct{ Address string }
	out := ip(t, "-j -n "+server+" link show eth0")
	if err := json.Unmarshal([]byte(strings.Trim(strings.TrimSpace(out), "[]")), &mac); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	ip(t, "-n "+client+" route add "+translated+"/32 dev eth0")
	ip(t, "-n "+client+" neigh add "+translated+" lladdr "+mac.Address+" dev eth0")
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		done <- rewriteIn(t, client)
	}()
	testkit.Need(t, <-done)
}

// rewriteIn puts programs on a namespace's interface that rewrite addresses.
func rewriteIn(t *testing.T, host string) error {
	ns, err := os.Open("/run/netns/" + host)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	eth0, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	for _, r := range []struct {
		attach   ebpf.AttachType
		at       int32
		from, to string
	}{{ebpf.AttachTCXEgress, 14 + 16, translated, serverHost}, {ebpf.AttachTCXIngress, 14 + 12, serverHost, translated}} {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: rewriting(r.at, r.from, r.to)})
		if err != nil {
			return err
		}
		l, err := link.AttachTCX(link.TCXOptions{Interface: eth0.Index, Program: p, Attach: r.attach})
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close(); p.Close() })
	}
	return nil
}

// rewriting replaces an address that lies at an offset of a frame with IPv4 and TCP.
func rewriting(at int32, from, to string) asm.Instructions {
	word := func(address string) int32 { return int32(binary.NativeEndian.Uint32(net.ParseIP(address).To4())) }
	bytes := func() asm.Instructions {
		return asm.Instructions{asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, at), asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -4), asm.Mov.Imm(asm.R4, 4)}
	}
	sum := func(offset, flags int32, fn asm.BuiltinFunc) asm.Instructions {
		return asm.Instructions{asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, offset), asm.Mov.Imm32(asm.R3, word(from)), asm.Mov.Imm32(asm.R4, word(to)),
			asm.Mov.Imm(asm.R5, flags), fn.Call()}
	}
	const size, pseudo = 4, 0x10
	all := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.StoreImm(asm.RFP, -4, 0, asm.Word)}
	all = append(append(all, bytes()...), asm.FnSkbLoadBytes.Call(), asm.LoadMem(asm.R1, asm.RFP, -4, asm.Word), asm.Mov.Imm32(asm.R2, word(from)), asm.JNE.Reg(asm.R1, asm.R2, "out"))
	all = append(all, sum(14+20+16, size|pseudo, asm.FnL4CsumReplace)...)
	all = append(all, sum(14+10, size, asm.FnL3CsumReplace)...)
	all = append(all, asm.StoreImm(asm.RFP, -4, int64(word(to)), asm.Word))
	all = append(append(all, bytes()...), asm.Mov.Imm(asm.R5, 0), asm.FnSkbStoreBytes.Call())
	return append(all, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
}

// hostSpans traces a process as an agent of its own host would. What it returns tells the
// calls when the process has ended.
func hostSpans(t *testing.T, path, side string, pid int) func() []span {
	t.Helper()
	point := fmt.Sprintf("%q:%s /pid == %d/", path, side, pid)
	tracer := traceRun(t, strings.ReplaceAll(spanScript, "PATH:*", point), "-f", "json")
	return func() []span {
		all := values[span](finish(t, tracer))
		lossless(t, tracer)
		return all
	}
}

// callsBetween has a client make its calls to a server, each traced for itself, and
// returns the sides of the calls.
func callsBetween(t *testing.T, path string, server, client *testkit.Proc) (served, asked []span) {
	t.Helper()
	client.Stdout.WaitLine(`^ready$`)
	servers, clients := hostSpans(t, path, "server", server.PID()), hostSpans(t, path, "client", client.PID())
	client.Send("go")
	client.Stdout.WaitLine(`^done$`)
	leave(t, client)
	leave(t, server)
	return servers(), clients()
}

// TestTwoHosts tests that two hosts name the sides of calls alike, through address
// translation, too.
func TestTwoHosts(t *testing.T) {
	const n = 20
	path := rpcxBuild{}.path(t)
	for _, to := range []string{serverHost, translated} {
		t.Run(to, func(t *testing.T) {
			a, b := twoHosts(t)
			if to == translated {
				translate(t, a, b)
			}
			server := on(t, a, path, "serve", "-addr", serverHost+":0")
			_, port, _ := net.SplitHostPort(server.Stdout.WaitLine(`^ready (.*)$`)[1])
			client := on(t, b, path, "call", "-addr", net.JoinHostPort(to, port), "-kinds", "method", "-n", strconv.Itoa(n), "-warm")
			served, asked := callsBetween(t, path, server, client)
			byID := map[string]span{}
			for _, c := range asked {
				byID[c.ID] = c
			}
			for _, s := range served {
				c := byID[s.Parent]
				if c.ID == "" || c.Trace != s.Trace || c.Conn != s.Conn || c.Seq != s.Seq || s.ID == c.ID {
					t.Errorf("the server's side %+v\nand the client's %+v", s, c)
				}
			}
			if len(byID) != n || len(served) != n {
				t.Errorf("%d sides of servers, %d of clients, want %d", len(served), len(byID), n)
			}
		})
	}
}

// TestThroughProxy tests that calls through a proxy, which ends connections, are joined by
// their metadata only.
func TestThroughProxy(t *testing.T) {
	testkit.Root(t)
	const n = 20
	path := rpcxBuild{}.path(t)
	for kind, want := range map[string]struct{ served, joined int }{"method": {n, 0}, "told": {2 * n, 2 * n}} { // a call to be told makes another
		t.Run(kind, func(t *testing.T) {
			server := testkit.Start(t, path, "serve")
			proxy := proxyTo(t, server.Stdout.WaitLine(`^ready (.*)$`)[1])
			client := testkit.Start(t, path, "call", "-addr", proxy, "-kinds", kind, "-n", strconv.Itoa(n))
			served, asked := callsBetween(t, path, server, client)
			traces := map[string]int{}
			for _, c := range asked {
				traces[c.Trace]++
			}
			joined := 0
			for _, s := range served {
				if traces[s.Trace] > 0 {
					joined++
				}
			}
			if joined != want.joined || len(served) != want.served || len(asked) != n {
				t.Errorf("%d sides of servers, %d of clients, %d of a trace of the client; want %+v", len(served), len(asked), joined, want)
			}
		})
	}
}

// proxyTo forwards what connections to its address carry.
func proxyTo(t *testing.T, to string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			go forward(near, far)
			go forward(far, near)
		}
	}()
	return ln.Addr().String()
}

func forward(to, from net.Conn) {
	// Ends with the connection, however that ends. Without splice(), whose pipes stay open.
	_, _ = io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
	to.Close()
}
