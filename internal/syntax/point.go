package syntax

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// Part is one colon-separated part of an attach point, quotes removed. A
// quoted part is taken literally; in others '*' stands for any text.
type Part struct {
	Text   string
	Quoted bool
}

// AttachPoint is one place a probe fires at. The typed fields are what counts,
// also for the printer; which of them a kind uses:
//
//	begin end                -
//	self                     Target ("signal"), Func (signal)
//	test bench               Func
//	kprobe kretprobe         Target (module, may be empty), Func and Offset, or Address
//	fentry fexit             Target (module, may be empty), Func; or Target "bpf", ProgID, Func
//	tracepoint               Target (subsystem), Func (event)
//	rawtracepoint            Target (module, may be empty), Func (event)
//	uprobe uretprobe         Target (binary, empty: that of -p), Lang, Func and Offset; or Address; or File, Line, Col
//	usdt                     Target (binary, may be empty), Namespace (may be empty), Func
//	profile interval         Unit, Count
//	software hardware        Func (event), Count (0: default)
//	watchpoint               Address, Count (bytes), Mode
//	iter                     Func, Target (pin path, may be empty)
//
// A point with a pattern for its provider, or with a positional parameter that
// is not bound yet, has only Parts.
type AttachPoint struct {
	Loc
	Name     string // given by `name=`, "" if not
	Provider string // as written
	Kind     string // full lower-case name of the provider, or its pattern
	Raw      string // as written, without Name; "" if made without text
	Parts    []Part // what follows the provider, as written; nil if made without text

	Target     Part
	Namespace  Part
	Func       Part
	Lang       string // "cpp": Func is a demangled name
	Offset     uint64 // bytes from the start of Func
	HasOffset  bool
	Address    uint64
	HasAddress bool
	File       string // source file of a source location
	Line, Col  int    // 1-based, Col 0 if not given
	ProgID     uint32 // BPF program id, 0 if not given
	Unit       string // hz, s, ms, us, or "" for ns
	Count      uint64 // in Unit, in events, or bytes
	Mode       string // watchpoint: of r, w, x

	raw     []rawPart // Parts with their quoting, nil if made without text
	unbound bool      // raw contains positional parameters
}

// rawPart is a part whose quoting is known byte by byte: outside equals text,
// with a zero in place of each quoted byte.
type rawPart struct{ text, outside string }

func (r rawPart) slice(i, j int) rawPart { return rawPart{r.text[i:j], r.outside[i:j]} }

func (r rawPart) part() Part {
	quoted := strings.IndexByte(r.outside, 0) >= 0 && strings.IndexByte(r.outside, '*') < 0
	return Part{r.text, quoted}
}

// Glob tells whether p is a pattern.
func (p Part) Glob() bool { return !p.Quoted && strings.Contains(p.Text, "*") }

// String returns p as it is written in an attach point, in quotes where
// needed. A pattern keeps its stars outside of them.
func (p Part) String() string {
	if p.Quoted && strings.Contains(p.Text, "*") {
		return quotePart(p.Text)
	}
	pieces := strings.Split(p.Text, "*")
	for i, piece := range pieces {
		if needsQuotes(piece) {
			pieces[i] = quotePart(piece)
		}
	}
	return strings.Join(pieces, "*")
}

func quotePart(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// needsQuotes tells whether s would be read as something else without quotes.
func needsQuotes(s string) bool {
	if strings.ContainsAny(s, " \t\r\n\v\f{,\":@\\$\x00") {
		return true
	}
	plus := strings.LastIndexByte(s, '+')
	return plus >= 0 && plus+1 < len(s) && isDigit(s[plus+1])
}

func report(diags *diag.List, span diag.Span, err error) { diags.Errorf(span, "%s", err).AddHint(err) }

// ParsePoint reads one attach point that stands alone, as -l takes it: blanks,
// commas and braces need no quotes.
func ParsePoint(text string) (*AttachPoint, error) {
	a := newPoint(text)
	a.unbound = false
	return a, a.resolve()
}

// newPoint splits the text of an attach point; resolve makes sense of it.
func newPoint(raw string) *AttachPoint {
	a := &AttachPoint{}
	if name, rest := cutWord(raw); name != "" && strings.HasPrefix(rest, "=") {
		a.Name, raw = name, rest[1:]
	}
	a.Raw = raw
	parts := splitParts(raw)
	a.Provider = parts[0].text
	a.setRaw(parts[1:])
	for _, p := range a.raw {
		for i := range p.outside {
			_, n := paramAt(p.outside[i:])
			a.unbound = a.unbound || n > 0
		}
	}
	return a
}

func (a *AttachPoint) setRaw(raw []rawPart) {
	a.raw = raw
	a.Parts = make([]Part, len(raw))
	for i, r := range raw {
		a.Parts[i] = r.part()
	}
}

// splitParts divides raw at the colons outside of quotes and takes the quotes
// away; inside them a backslash protects the next character.
func splitParts(raw string) []rawPart {
	var parts []rawPart
	var text, outside strings.Builder
	flush := func() {
		parts = append(parts, rawPart{text.String(), outside.String()})
		text.Reset()
		outside.Reset()
	}
	quoted := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '"':
			quoted = !quoted
			continue
		case c == ':' && !quoted:
			flush()
			continue
		case c == '\\' && quoted && i+1 < len(raw):
			i++
			c = raw[i]
		}
		text.WriteByte(c)
		if quoted {
			c = 0
		}
		outside.WriteByte(c)
	}
	flush()
	return parts
}

// paramAt reads `$N` at the start of s: its number and its length, 0 for none.
func paramAt(s string) (n, length int) {
	if s[0] != '$' {
		return 0, 0
	}
	digits := len(s) - 1 - len(strings.TrimLeft(s[1:], "0123456789"))
	n, err := strconv.Atoi(s[1 : 1+digits])
	if err != nil || n == 0 {
		return 0, 0
	}
	return n, 1 + digits
}

// BindParams puts the positional parameters into the attach points that refer
// to them outside of quotes, a missing one as "", and reports those that make
// no sense then. It has to be called before attach points are looked at, also
// without parameters. Parameters in expressions stay nodes.
func (f *File) BindParams(params []string, diags *diag.List) {
	for _, p := range f.Probes() {
		for _, a := range p.Points {
			if !a.unbound {
				continue
			}
			missing := a.bind(params)
			err := a.resolve()
			if err != nil && missing > 0 {
				err = &diag.HintError{Msg: err.Error(), Hint: fmt.Sprintf("positional parameter $%d is empty or not provided", missing)}
			}
			if err != nil {
				report(diags, a.Span(), err)
			}
		}
	}
}

// bind replaces `$N` and returns the number of one that is missing or empty, 0
// if none is. A value cannot add parts; its stars are a pattern's.
func (a *AttachPoint) bind(params []string) (missing int) {
	raw := make([]rawPart, len(a.raw))
	for i, r := range a.raw {
		var text, outside strings.Builder
		for j := 0; j < len(r.text); j++ {
			value, plain := r.text[j:j+1], r.outside[j:j+1]
			if n, length := paramAt(r.outside[j:]); length > 0 {
				value, j = "", j+length-1
				if n <= len(params) {
					value = params[n-1]
				}
				if plain = value; value == "" {
					missing = n
				}
			}
			text.WriteString(value)
			outside.WriteString(plain)
		}
		raw[i] = rawPart{text.String(), outside.String()}
	}
	a.setRaw(raw)
	a.unbound = false
	return missing
}

// As returns a read as a probe of another kind, for providers that are
// patterns. The error says why its parts do not fit the kind.
func (a *AttachPoint) As(kind string) (*AttachPoint, error) {
	raw := a.raw
	if raw == nil {
		for _, p := range a.Parts {
			r := rawPart{p.Text, p.Text}
			if p.Quoted {
				r.outside = strings.Repeat("\x00", len(p.Text))
			}
			raw = append(raw, r)
		}
	}
	b := &AttachPoint{Loc: a.Loc, Name: a.Name, Provider: kind, Raw: a.Raw}
	b.setRaw(raw)
	return b, b.resolve()
}

// resolve finds the kind and fills the fields from the parts.
func (a *AttachPoint) resolve() error {
	letters, _ := cutWord(strings.ReplaceAll(a.Provider, "*", "_"))
	if strings.Contains(a.Provider, "*") && len(letters) == len(a.Provider) {
		a.Kind = strings.ToLower(a.Provider)
		return nil
	}
	p, ok := providerOf(a.Provider)
	if !ok {
		return &diag.HintError{Msg: "Invalid probe type: " + a.Provider, Hint: diag.DidYouMean(a.Provider, Kinds())}
	}
	a.Kind = p.kind
	if n := len(a.raw); n < p.min || n > p.max {
		return fmt.Errorf("%s probe type requires %s, found %d", p.kind, argumentCount(p.min, p.max), n)
	}
	if p.min == 2 && a.raw[0].text == "" {
		return fmt.Errorf("%s probe type requires a name behind the first ':'", p.kind)
	}
	return p.fill(a, a.raw)
}

func argumentCount(low, high int) string {
	switch {
	case high == 1:
		return "1 argument"
	case low == high:
		return fmt.Sprintf("%d arguments", low)
	case low+1 == high:
		return fmt.Sprintf("%d or %d arguments", low, high)
	}
	return fmt.Sprintf("%d to %d arguments", low, high)
}

func (a *AttachPoint) needFunc() error {
	if a.Func.Text == "" {
		return fmt.Errorf("%s probe type requires a name behind the last ':'", a.Kind)
	}
	return nil
}

// setFunc reads `func`, `func+offset` or an address.
func (a *AttachPoint) setFunc(r rawPart) error {
	if r.outside != "" && isDigit(r.outside[0]) {
		address, err := ParseInt(r.text)
		a.Address, a.HasAddress = address, true
		return err
	}
	plus := strings.LastIndexByte(r.outside, '+')
	if plus >= 0 && plus+1 < len(r.outside) && isDigit(r.outside[plus+1]) {
		offset, err := ParseInt(r.text[plus+1:])
		if err != nil {
			return err
		}
		if strings.HasSuffix(a.Kind, "retprobe") {
			return diag.Sentencef("Offset not allowed: a %s is at a whole function", a.Kind)
		}
		a.Offset, a.HasOffset = offset, true
		r = r.slice(0, plus)
	}
	a.Func = r.part()
	return a.needFunc()
}

// setCount reads the number that is the point's rate, count or length.
func (a *AttachPoint) setCount(what string, r rawPart) error {
	n, err := ParseInt(r.text)
	a.Count = n
	if err != nil {
		return diag.Sentencef("Invalid %s %s probe: %v", what, a.Kind, err)
	}
	return nil
}

// place returns the text of an address, or of a function and its offset.
func (a *AttachPoint) place() string {
	switch {
	case a.HasAddress:
		return fmt.Sprintf("0x%x", a.Address)
	case a.HasOffset:
		return fmt.Sprintf("%s+%d", a.funcText(), a.Offset)
	}
	return a.funcText()
}

// funcText keeps a name that begins with a digit from reading as an address.
func (a *AttachPoint) funcText() string {
	text := a.Func.String()
	if text != "" && isDigit(text[0]) {
		return `"` + text[:1] + `"` + text[1:]
	}
	return text
}

// String returns the canonical text of a, which reads back as a.
func (a *AttachPoint) String() string {
	text := a.Raw
	p, known := providerOf(a.Kind)
	switch {
	case a.unbound:
	case known:
		text = strings.Join(append([]string{p.kind}, p.text(a)...), ":")
	default:
		text = a.Kind
		for _, part := range a.Parts {
			text += ":" + part.String()
		}
	}
	if a.Name != "" {
		return a.Name + "=" + text
	}
	return text
}
