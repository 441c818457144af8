package rpc

import "maps"

// ErrorTexts are those of errors whose code does more than to put together what they hold, by
// the name of the type: of the standard library, rpcx, gRPC and codecs.
func ErrorTexts() map[string][]ErrorPiece {
	all := map[string][]ErrorPiece{
		"*net.OpError": {field("", "Op"), field(" ", "Net"), {How: OfChoice, Field: "Source", To: 7},
			inner(" ", "Source"), inner("->", "Addr"), inner(": ", "Err"), {}, inner(" ", "Addr"), inner(": ", "Err")},
		"*url.Error":           {field("", "Op"), text(` "`), field("", "URL"), inner(`": `, "Err")},
		"url.EscapeError":      quoted("invalid URL escape ", ""),
		"url.InvalidHostError": {text(`invalid character "`), field("", ""), text(`" in host name`)},
		"*errors.joinError":    {{How: OfList, Before: "\n", Field: "errs"}},
		"*multierr.multiError": {{How: OfList, Before: "; ", Field: "errors"}},
		"*errors.MultiError":   {text("["), {How: OfList, Before: " ", Field: "Errors"}, text("]")},
		"syscall.Errno":        {name("", "", Errnos)},
		"*strconv.NumError":    {field("strconv.", "Func"), text(`: parsing "`), field("", "Num"), inner(`": `, "Err")},
		"*time.ParseError": {text(`parsing time "`), field("", "Value"), text(`"`), empty("Message", 6), field("", "Message"), {},
			text(` as "`), field("", "Layout"), text(`": cannot parse "`), field("", "ValueElem"), text(`" as "`), field("", "LayoutElem"), text(`"`)},
		"*exec.Error":                     {text(`exec: "`), field("", "Name"), inner(`": `, "Err")},
		"*xml.SyntaxError":                {number("XML syntax error on line ", "Line"), text(": "), field("", "Msg")},
		"base64.CorruptInputError":        {number("illegal base64 data at input byte ", "")},
		"flate.CorruptInputError":         {number("flate: corrupt input before offset ", "")},
		"*server.RpcServiceInternalError": {field("", "Err")},
		"*status.Error":                   {name("rpc error: code = ", "s.s.Code", Codes), text(" desc = "), field("", "s.s.Message")},
		"transport.ConnectionError":       quoted("connection error: desc = ", "Desc"),
		"msgpack.unexpectedCodeError":     {name("msgpack: unexpected code=", "code", Bytes), text(" decoding "), field("", "hint")},
	}
	for _, more := range []map[string][]ErrorPiece{securityTexts(), streamTexts(), jsonTexts()} {
		maps.Copy(all, more)
	}
	return all
}

// securityTexts are those of errors of TLS.
func securityTexts() map[string][]ErrorPiece {
	const valid, other = "x509: certificate is valid for ", ", not "
	const hint = "hintCert.Subject."
	return map[string][]ErrorPiece{
		"tls.alert":                         {name("", "", Alerts)},
		"tls.AlertError":                    {name("", "", Alerts)},
		"tls.RecordHeaderError":             {field("tls: ", "Msg")},
		"*tls.CertificateVerificationError": {inner("tls: failed to verify certificate: ", "Err")},
		"x509.CertificateInvalidError":      {name("", "Reason", Reasons), field("", "Detail")},
		"x509.InsecureAlgorithmError":       {name("x509: cannot verify signature: insecure algorithm ", "", Signatures)},
		"x509.UnknownAuthorityError": {text("x509: certificate signed by unknown authority"), {How: OfChoice, Field: "hintErr", To: 7},
			inner(` (possibly because of "`, "hintErr"), text(`" while trying to verify candidate authority certificate "`),
			empty(hint+"CommonName", 8), field("", hint+"CommonName"), text(`")`), {}, each(", ", hint+"Organization", Strings), text(`")`)},
		"x509.HostnameError": {
			{How: OfUnlessIP, Field: "Host", To: 6},
			empty("Certificate.IPAddresses", 11), text(valid), each(", ", "Certificate.IPAddresses", IPs), field(other, "Host"), {},
			6: empty("Certificate.DNSNames", 18), text(valid), each(", ", "Certificate.DNSNames", Strings), field(other, "Host"), {},
			11: empty("Certificate.DNSNames", 15), field("x509: cannot validate certificate for ", "Host"), text(" because it doesn't contain any IP SANs"), {},
			15: unlessSame("Certificate.Subject.CommonName", "Host", 12), text("x509: certificate relies on legacy Common Name field, use SANs instead"), {},
			18: unlessSame("Certificate.Subject.CommonName", "Host", 20), empty("Certificate.IPAddresses", 16),
			20: field("x509: certificate is not valid for any names, but wanted to match ", "Host"),
		},
	}
}

// streamTexts are those of errors of HTTP and HTTP/2, which a program has as its own package,
// as part of net/http, or both.
func streamTexts() map[string][]ErrorPiece {
	all := map[string][]ErrorPiece{"http.transportReadFromServerError": {inner("net/http: Transport failed to read from server: ", "err")}}
	for typ, pieces := range map[string][]ErrorPiece{
		"StreamError":     {number("stream error: stream ID ", "StreamID"), name("; ", "Code", StreamErrors), inner("; ", "Cause")},
		"ConnectionError": {name("connection error: ", "", StreamErrors)},
		"GoAwayError": {number("http2: server sent GOAWAY and closed the connection; LastStreamID=", "LastStreamID"),
			name(", ErrCode=", "ErrCode", StreamErrors), text(`, debug="`), field("", "DebugData"), text(`"`)},
		"connError":                  {name("http2: connection error: ", "Code", StreamErrors), text(": "), field("", "Reason")},
		"headerFieldNameError":       quoted("invalid header field name ", ""),
		"headerFieldValueError":      quoted("invalid header field value for ", ""),
		"pseudoHeaderError":          quoted("invalid pseudo-header ", ""),
		"duplicatePseudoHeaderError": quoted("duplicate pseudo-header ", ""),
	} {
		all["http.http2"+typ], all["http2."+typ] = pieces, pieces
	}
	return all
}

// jsonTexts are those of errors of encoding/json.
func jsonTexts() map[string][]ErrorPiece {
	typ := func(before string) ErrorPiece { return ErrorPiece{How: OfType, Before: before, Field: "Type"} }
	return map[string][]ErrorPiece{
		"*json.UnmarshalTypeError": {text("json: cannot unmarshal "), field("", "Value"), empty("Field", 9), text(" into Go struct field "),
			field("", "Struct"), text("."), field("", "Field"), typ(" of type "), {}, typ(" into Go value of type ")},
		"*json.UnsupportedTypeError": {typ("json: unsupported type: ")},
		"*json.MarshalerError": {empty("sourceFunc", 5), field("json: error calling ", "sourceFunc"), typ(" for type "), inner(": ", "Err"), {},
			text("json: error calling MarshalJSON"), typ(" for type "), inner(": ", "Err")},
	}
}

// AddressTexts are those of the addresses in these errors, by the name of the type that they
// are pointers to.
func AddressTexts() map[string][]ErrorPiece {
	zone := field("%", "Zone")
	port := []ErrorPiece{{How: OfIP, Before: ".", Field: "IP", To: 3}, number(":", "Port"), {},
		text("["), {How: OfGroups, Before: ":", Field: "IP"}, zone, number("]:", "Port")}
	return map[string][]ErrorPiece{
		"net.TCPAddr": port, "net.UDPAddr": port,
		"net.IPAddr":   append(ipPieces("IP"), zone),
		"net.UnixAddr": {field("", "Name")},
	}
}

// ElementTexts are those of the elements of lists.
func ElementTexts() map[Kind][]ErrorPiece {
	return map[Kind][]ErrorPiece{Strings: {field("", "")}, IPs: ipPieces("")}
}

func ipPieces(at string) []ErrorPiece {
	return []ErrorPiece{{How: OfIP, Before: ".", Field: at, To: 2}, {}, {How: OfGroups, Before: ":", Field: at}}
}

func text(s string) ErrorPiece           { return ErrorPiece{How: OfText, Before: s} }
func field(before, at string) ErrorPiece { return ErrorPiece{How: OfField, Before: before, Field: at} }
func inner(before, at string) ErrorPiece { return ErrorPiece{How: OfError, Before: before, Field: at} }

func number(before, at string) ErrorPiece {
	return ErrorPiece{How: OfNumber, Before: before, Field: at}
}

func name(before, at string, k Kind) ErrorPiece {
	return ErrorPiece{How: OfName, Before: before, Field: at, Kind: k}
}

func each(between, at string, k Kind) ErrorPiece {
	return ErrorPiece{How: OfEach, Before: between, Field: at, Kind: k}
}

func empty(at string, to int) ErrorPiece { return ErrorPiece{How: OfEmpty, Field: at, To: to} }

func unlessSame(at, other string, to int) ErrorPiece {
	return ErrorPiece{How: OfUnlessSame, Field: at, Other: other, To: to}
}

// quoted is a string that is printed by %q.
func quoted(before, at string) []ErrorPiece {
	return []ErrorPiece{text(before + `"`), field("", at), text(`"`)}
}
