package main

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// certificate is one for a common name and other names: hosts and addresses.
func certificate(common string, names ...string) *x509.Certificate {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: common}}
	for _, name := range names {
		c.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}}}
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	return c
}

// certificateErrors are those of certificates that are not accepted.
func certificateErrors() (list []error) {
	named := []*x509.Certificate{certificate("db1"), certificate("10.0.0.1"), certificate("shop.example.com"), certificate(""),
		certificate("", "example.com"), certificate("db1", "*.example.com", "example.com", "10.example.com"),
		certificate("", "10.0.0.2", "2001:db8::1"), certificate("shop.example.com", "example.com", "192.0.2.1")}
	for _, c := range named {
		for _, host := range []string{"db1", "10.0.0.1", "1.2.3.4.example.com", "shop.example.com", "node-1", "fe80::1", "::1", "3scale2", "2001:db8:1:2:3:4:5:6"} {
			list = append(list, x509.HostnameError{Certificate: c, Host: host})
		}
	}
	for reason := x509.NotAuthorizedToSign; reason <= x509.NoValidChains; reason++ {
		detail := map[x509.InvalidReason]string{x509.Expired: "it is too old", x509.CANotAuthorizedForThisName: "name",
			x509.CANotAuthorizedForExtKeyUsage: "usage", x509.UnconstrainedName: "other", x509.NoValidChains: "none"}
		list = append(list, x509.CertificateInvalidError{Reason: reason, Detail: detail[reason]})
	}
	return append(list, x509.UnknownAuthorityError{}, distrusted("authority of ours"), distrusted(""), x509.InsecureAlgorithmError(x509.MD5WithRSA), x509.SystemRootsError{},
		x509.SystemRootsError{Err: io.EOF}, x509.ConstraintViolationError{}, x509.UnhandledCriticalExtension{}, tls.AlertError(40),
		tls.RecordHeaderError{Msg: "first record"}, &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: named[6], Host: "10.0.0.3"}})
}

// distrusted is the error of a certificate that is signed by an authority of the same name as
// one that is trusted.
func distrusted(common string) error {
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: common, Organization: []string{"Ours"}},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	own, other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), ed25519.NewKeyFromSeed([]byte("the key of another, of 32 bytes."))
	roots := x509.NewCertPool()
	roots.AddCert(signed(authority, authority, other))
	_, err := signed(&x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: authority.NotAfter}, authority, own).Verify(x509.VerifyOptions{Roots: roots})
	return err
}

// signed is a certificate with the key that signs it.
func signed(c, parent *x509.Certificate, key ed25519.PrivateKey) *x509.Certificate {
	b, err := x509.CreateCertificate(nil, c, parent, key.Public(), key)
	must(err)
	c, err = x509.ParseCertificate(b)
	must(err)
	return c
}

// of has long names.
type of[A, B any] struct {
	First  A
	Second B
}

// unfit is no JSON.
type unfit struct{}

func (unfit) MarshalJSON() ([]byte, error) { return nil, io.ErrShortBuffer }

// failed are the second results of calls.
func failed[T any](_ T, err error) error { return err }

// libraryErrors are those of packages that read what a peer has sent, and of files.
func libraryErrors() []error {
	var args struct {
		A    int
		List []map[string]*url.URL
	}
	decoded := func(text string) error { return json.Unmarshal([]byte(text), &args) }
	encoded := func(v any) error { return failed(json.Marshal(v)) }
	parsed := func(text string) error { return failed(url.Parse(text)) }
	return []error{
		failed(strconv.Atoi("1x")), failed(strconv.ParseUint("99999999999999999999", 10, 64)), failed(strconv.ParseFloat("", 64)), failed(strconv.ParseBool("maybe")),
		decoded(`{"A":"six"}`), decoded(`{"List":{"a":1}}`), decoded(`{"List":[{"x":7}]}`), decoded(`7`), json.Unmarshal([]byte("7"), &of[of[of[lengthy, lengthy], of[lengthy, lengthy]], of[map[string]of[lengthy, lengthy], *lengthy]]{}), decoded(`{"A":6.5}`), decoded(`{"A":`), decoded(`{"A":}`), decoded(""),
		encoded(func() {}), encoded(map[string]any{"of": make(chan []saying)}), encoded(unfit{}), encoded(math.NaN()),
		failed(time.Parse(time.RFC3339, "today")), failed(time.Parse(time.DateOnly, "2026-13-01")), failed(time.Parse(time.DateOnly, "2026-01-0")),
		parsed("http://%zz"), parsed("http://a b/"), parsed("http://[::1"), parsed("http://host:port/"), parsed("%"),
		failed(net.Dial("tcp", "host")), failed(net.Dial("tcp9", "host:1")), failed(net.ParseMAC("1")), &net.AddrError{Err: "no address"}, net.InvalidAddrError("none"), &net.DNSConfigError{Err: io.EOF},
		failed(net.DialTimeout("tcp", "127.0.0.1:1", 1)), &net.DNSError{Err: "no such host", Name: "nobody.invalid", Server: "127.0.0.1:53"}, failed(net.Dial("unix", "/nowhere")),
		failed(base64.StdEncoding.DecodeString("abc*")), failed(io.ReadAll(flate.NewReader(strings.NewReader("none of it")))), failed(gzip.NewReader(strings.NewReader("none of it, too"))),
		failed(os.Open("/nowhere")), os.Rename("/nowhere", "/there"), os.NewSyscallError("connect", syscall.ETIMEDOUT), syscall.ECONNRESET, failed(exec.LookPath("no-such-program")),
		xml.Unmarshal([]byte("<a>\n</b>"), &args), textproto.ProtocolError("malformed header"), &http.MaxBytesError{Limit: 1},
		http.ErrHandlerTimeout, io.ErrUnexpectedEOF, context.Canceled, os.ErrDeadlineExceeded, net.ErrClosed, errors.ErrUnsupported,
		&lengthy{"one", "two", spelled("three"), "four"}, lengthy{"1", "2", spelled("3"), "4"}, global{"it"},
		caused{what: "no more"}, caused{"that", io.EOF, ""}, caused{"this", &caused{what: "it"}, "so it is"}, &caused{"nothing", nil, "and why"},
	}
}

// Errors of many parts, with one that is a variable, and with parts that are not always there.
type (
	caused struct {
		what  string
		cause error
		hint  string
	}
	lengthy struct {
		a, b string
		err  error
		c    string
	}
	global struct{ what string }
)

var prefix = fmt.Sprint("prefix", " ")

func (e lengthy) Error() string {
	return "a=" + e.a + " b=" + e.b + " err=" + e.err.Error() + " c=" + e.c
}
func (e caused) Error() string {
	text := e.what
	if e.cause != nil {
		text = e.what + ": " + e.cause.Error()
	}
	if e.hint == "" {
		return text
	}
	return text + " (" + e.hint + ")"
}

func (e global) Error() string { return prefix + e.what }
