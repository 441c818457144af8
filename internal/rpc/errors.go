package rpc

import (
	"crypto/tls"
	"crypto/x509"
	"strconv"
	"syscall"
)

// ErrorPiece is a part of the text of an error or an address, as the scripts' table has it.
// A text ends before one without How.
type ErrorPiece struct {
	How    PieceHow
	Before string // what stands before it, or between those of a list
	Field  string // where it lies: a field of the struct, "" the value itself; behind a point one of what that points to
	Other  string // a string to compare with
	Kind   Kind   // of what it is the name, or what the elements of a list are
	To     int    // number of the piece that a choice goes to
}

// PieceHow says what a piece of an error's text is. The scripts know these by of_NAME.
type PieceHow uint64

// The pieces of a text. From OfField on they are of two words or more, and nothing stands
// before one that is empty.
const (
	OfProcess    PieceHow = iota + 1 // a constant in the process
	OfText                           // only what stands before it
	OfWord                           // the same, and the text ends
	OfName                           // the name of a number
	OfNumber                         // a number of 32 bits
	OfChoice                         // none: the text goes on at To where a word is zero
	OfField                          // a string
	OfGlobal                         // a string that is a variable of the process
	OfType                           // the name of a type
	OfEmpty                          // none: the text goes on at To where a string or a list is empty
	OfUnlessIP                       // none: the text goes on at To where the name of a host is no address
	OfUnlessSame                     // none: the text goes on at To where a string is another than Other
	OfError                          // an error, or an address
	OfList                           // errors
	OfEach                           // what is no error
	OfIP                             // an address of IPv4; of IPv6 the text goes on at To
	OfGroups                         // an address of IPv6
)

// Kind is a kind of numbers that have names, or of what lists have.
type Kind uint64

// The kinds of numbers and elements.
const (
	Errnos Kind = iota + 1
	Alerts
	StreamErrors
	Reasons // why a certificate is not valid
	Signatures
	Codes // of gRPC
	Bytes // by their digits
	Strings
	IPs
)

// Size is how many bytes such a number, or element of a list, has.
func (k Kind) Size() uint64 {
	return map[Kind]uint64{Errnos: 8, Alerts: 1, StreamErrors: 4, Reasons: 8, Signatures: 8, Codes: 4, Bytes: 1, Strings: 16, IPs: 24}[k]
}

// NumberNames are the names of a kind of numbers.
func NumberNames(k Kind) map[uint64]string {
	const errnos, alerts, reasons, signatures = 134, 122, 11, 17 // behind the last
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
		names[uint64(x509.NoValidChains)] += ": " // its detail is more
	case Signatures:
		for n := range uint64(signatures) {
			names[n] = x509.SignatureAlgorithm(n).String()
		}
	case Bytes:
		for n := range uint64(256) {
			names[n] = strconv.FormatUint(n, 16)
		}
	case Codes:
		for n, name := range []string{"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
			"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated"} {
			names[uint64(n)] = name
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

// NamedKinds are those whose numbers have names.
func NamedKinds() []Kind {
	return []Kind{Errnos, Alerts, StreamErrors, Reasons, Signatures, Codes, Bytes}
}

// PieceNames are the constants by which scripts know pieces.
func PieceNames() map[string]uint64 {
	return map[string]uint64{"of_process": uint64(OfProcess), "of_word": uint64(OfWord), "of_name": uint64(OfName), "of_number": uint64(OfNumber),
		"of_choice": uint64(OfChoice), "of_field": uint64(OfField), "of_global": uint64(OfGlobal), "of_type": uint64(OfType), "of_empty": uint64(OfEmpty),
		"of_unless_ip": uint64(OfUnlessIP), "of_unless_same": uint64(OfUnlessSame), "of_error": uint64(OfError), "of_list": uint64(OfList),
		"of_each": uint64(OfEach), "of_ip": uint64(OfIP), "of_groups": uint64(OfGroups), "twice": Twice}
}

// Twice marks a place behind two pointers, the second of which the first leads to.
const Twice = 1 << 32

// ErrorTable is the name of the scripts' table of errors, and BeforeSize how many bytes it
// has for what stands before a piece.
const (
	ErrorTable = "@rpc:errors"
	BeforeSize = 96
)
