package rpc

import (
	"crypto/tls"
	"crypto/x509"
	"syscall"
)

// ErrorPiece is a part of the text of an error or an address, as the scripts' table has it.
// A text ends before one without How.
type ErrorPiece struct {
	How    PieceHow
	Before string // what stands before it, or between those of a list
	Field  string // where it lies: a field of the struct, "" the value itself
	Kind   Kind   // of what it is the name
	To     int    // number of the piece that a choice goes to
}

// PieceHow says what a piece of an error's text is. The scripts know these by of_NAME.
type PieceHow uint64

// The pieces of a text. From OfField on they are of two words or more, and nothing stands
// before one that is empty.
const (
	OfProcess PieceHow = iota + 1 // a constant in the process
	OfText                        // only what stands before it
	OfWord                        // the same, and the text ends
	OfName                        // the name of a number
	OfNumber                      // a number of 32 bits
	OfChoice                      // none: the text goes on at To where a word is zero
	OfField                       // a string
	OfError                       // an error, or an address
	OfList                        // errors
	OfIP                          // an address of IPv4; of IPv6 the text goes on at To
	OfGroups                      // an address of IPv6
)

// Kind is a kind of numbers that have names.
type Kind uint64

// The kinds of numbers.
const (
	Errnos Kind = iota + 1
	Alerts
	StreamErrors
	Reasons // why a certificate is not valid
)

// Size is how many bytes such a number has.
func (k Kind) Size() uint64 {
	return map[Kind]uint64{Errnos: 8, Alerts: 1, StreamErrors: 4, Reasons: 8}[k]
}

// ErrorTexts are those of the standard library's and rpcx's errors whose code does more than to
// put together what they hold, by the name of the type.
func ErrorTexts() map[string][]ErrorPiece {
	stream := []ErrorPiece{{How: OfNumber, Before: "stream error: stream ID ", Field: "StreamID"},
		{How: OfName, Before: "; ", Field: "Code", Kind: StreamErrors}, {How: OfError, Before: "; ", Field: "Cause"}}
	code := []ErrorPiece{{How: OfName, Before: "connection error: ", Kind: StreamErrors}}
	away := []ErrorPiece{{How: OfNumber, Before: "http2: server sent GOAWAY and closed the connection; LastStreamID=", Field: "LastStreamID"},
		{How: OfName, Before: ", ErrCode=", Field: "ErrCode", Kind: StreamErrors}, {How: OfText, Before: `, debug="`}, {How: OfField, Field: "DebugData"}, {How: OfText, Before: `"`}}
	return map[string][]ErrorPiece{
		"*net.OpError": {{How: OfField, Field: "Op"}, {How: OfField, Before: " ", Field: "Net"}, {How: OfChoice, Field: "Source", To: 7},
			{How: OfError, Before: " ", Field: "Source"}, {How: OfError, Before: "->", Field: "Addr"}, {How: OfError, Before: ": ", Field: "Err"}, {},
			{How: OfError, Before: " ", Field: "Addr"}, {How: OfError, Before: ": ", Field: "Err"}},
		"*net.DNSError": {{How: OfText, Before: "lookup "}, {How: OfField, Field: "Name"}, {How: OfField, Before: " on ", Field: "Server"},
			{How: OfField, Before: ": ", Field: "Err"}},
		"*url.Error":                        {{How: OfField, Field: "Op"}, {How: OfText, Before: ` "`}, {How: OfField, Field: "URL"}, {How: OfError, Before: `": `, Field: "Err"}},
		"*errors.joinError":                 {{How: OfList, Before: "\n", Field: "errs"}},
		"syscall.Errno":                     {{How: OfName, Kind: Errnos}},
		"tls.alert":                         {{How: OfName, Kind: Alerts}},
		"tls.RecordHeaderError":             {{How: OfField, Before: "tls: ", Field: "Msg"}},
		"*tls.CertificateVerificationError": {{How: OfError, Before: "tls: failed to verify certificate: ", Field: "Err"}},
		"x509.CertificateInvalidError":      {{How: OfName, Field: "Reason", Kind: Reasons}, {How: OfField, Field: "Detail"}},
		"x509.UnknownAuthorityError":        {{How: OfText, Before: "x509: certificate signed by unknown authority"}},
		"http.http2StreamError":             stream, "http2.StreamError": stream,
		"http.http2ConnectionError": code, "http2.ConnectionError": code, "http.http2GoAwayError": away, "http2.GoAwayError": away,
		"*server.RpcServiceInternalError": {{How: OfField, Field: "Err"}},
		"*errors.MultiError":              {{How: OfText, Before: "["}, {How: OfList, Before: " ", Field: "Errors"}, {How: OfText, Before: "]"}},
	}
}

// AddressTexts are those of the addresses in these errors, by the name of the type that they
// are pointers to.
func AddressTexts() map[string][]ErrorPiece {
	zone := ErrorPiece{How: OfField, Before: "%", Field: "Zone"}
	port := []ErrorPiece{{How: OfIP, Before: ".", Field: "IP", To: 3}, {How: OfNumber, Before: ":", Field: "Port"}, {},
		{How: OfText, Before: "["}, {How: OfGroups, Before: ":", Field: "IP"}, zone, {How: OfNumber, Before: "]:", Field: "Port"}}
	return map[string][]ErrorPiece{
		"net.TCPAddr": port, "net.UDPAddr": port,
		"net.IPAddr":   {{How: OfIP, Before: ".", Field: "IP", To: 2}, {}, {How: OfGroups, Before: ":", Field: "IP"}, zone},
		"net.UnixAddr": {{How: OfField, Field: "Name"}},
	}
}

// NumberNames are the names of a kind of numbers.
func NumberNames(k Kind) map[uint64]string {
	const errnos, alerts, reasons = 134, 122, 10 // behind the last
	names := map[uint64]string{}
	switch k {
	case Errnos:
		for n := range uint64(errnos) {
			names[n] = syscall.Errno(n).Error()
		}
	case Alerts:
		for n := range uint64(alerts) {
			names[n] = tls.AlertError(n).Error()
		}
	case Reasons:
		for n := range uint64(reasons) {
			names[n] = x509.CertificateInvalidError{Reason: x509.InvalidReason(n)}.Error()
		}
	case StreamErrors:
		for n, name := range []string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
			"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
			"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"} {
			names[uint64(n)] = name
		}
	}
	return names
}

// PieceNames are the constants by which scripts know pieces.
func PieceNames() map[string]uint64 {
	return map[string]uint64{"of_process": uint64(OfProcess), "of_word": uint64(OfWord), "of_name": uint64(OfName), "of_number": uint64(OfNumber),
		"of_choice": uint64(OfChoice), "of_field": uint64(OfField), "of_error": uint64(OfError), "of_list": uint64(OfList), "of_ip": uint64(OfIP),
		"of_groups": uint64(OfGroups)}
}

// ErrorTable is the name of the scripts' table of errors, and BeforeSize how many bytes it
// has for what stands before a piece.
const (
	ErrorTable = "@rpc:errors"
	BeforeSize = 96
)
