package rpc

import (
	"crypto/tls"
	"crypto/x509"
	"syscall"
)

// ErrorPiece is a part of the text of an error, as the scripts' table has it.
type ErrorPiece struct {
	How    PieceHow
	Before string // what stands before it
	Field  string // where it lies: a field of the error's struct, "" the error itself
	Kind   Kind   // of what it is the name
}

// PieceHow says what a piece of an error's text is. The scripts know these by of_NAME.
type PieceHow uint64

// The pieces of a text.
const (
	OfProcess PieceHow = iota + 1 // a constant in the process
	OfField                       // a string; nothing stands before an empty one
	OfError                       // the text of an error
	OfText                        // only what stands before it
	OfName                        // the name of a number
	OfNumber                      // a number of 32 bits
	OfAddress                     // a net.Addr and a blank before it
	OfTarget                      // the same, with an arrow where another lies before it
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

// ErrorTexts are those of the standard library's errors whose code does more than to put
// together what they hold, by the name of the type.
func ErrorTexts() map[string][]ErrorPiece {
	stream := []ErrorPiece{{How: OfNumber, Before: "stream error: stream ID ", Field: "StreamID"},
		{How: OfName, Before: "; ", Field: "Code", Kind: StreamErrors}, {How: OfError, Before: "; ", Field: "Cause"}}
	code := []ErrorPiece{{How: OfName, Before: "connection error: ", Kind: StreamErrors}}
	return map[string][]ErrorPiece{
		"*net.OpError": {{How: OfField, Field: "Op"}, {How: OfField, Before: " ", Field: "Net"}, {How: OfAddress, Field: "Source"},
			{How: OfTarget, Field: "Addr"}, {How: OfError, Before: ": ", Field: "Err"}},
		"*net.DNSError": {{How: OfText, Before: "lookup "}, {How: OfField, Field: "Name"}, {How: OfField, Before: " on ", Field: "Server"},
			{How: OfField, Before: ": ", Field: "Err"}},
		"*url.Error":                        {{How: OfField, Field: "Op"}, {How: OfText, Before: ` "`}, {How: OfField, Field: "URL"}, {How: OfError, Before: `": `, Field: "Err"}},
		"syscall.Errno":                     {{How: OfName, Kind: Errnos}},
		"tls.alert":                         {{How: OfName, Kind: Alerts}},
		"tls.RecordHeaderError":             {{How: OfField, Before: "tls: ", Field: "Msg"}},
		"*tls.CertificateVerificationError": {{How: OfError, Before: "tls: failed to verify certificate: ", Field: "Err"}},
		"x509.CertificateInvalidError":      {{How: OfName, Field: "Reason", Kind: Reasons}, {How: OfField, Field: "Detail"}},
		"x509.UnknownAuthorityError":        {{How: OfText, Before: "x509: certificate signed by unknown authority"}},
		"http.http2StreamError":             stream, "http2.StreamError": stream,
		"http.http2ConnectionError": code, "http2.ConnectionError": code,
		"*server.RpcServiceInternalError": {{How: OfField, Field: "Err"}},
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
	return map[string]uint64{"of_process": uint64(OfProcess), "of_field": uint64(OfField), "of_error": uint64(OfError), "of_name": uint64(OfName),
		"of_number": uint64(OfNumber), "of_address": uint64(OfAddress), "of_target": uint64(OfTarget)}
}

// ErrorTable is the name of the scripts' table of errors, and BeforeSize how many bytes it
// has for what stands before a piece.
const (
	ErrorTable = "@rpc:errors"
	BeforeSize = 96
)
