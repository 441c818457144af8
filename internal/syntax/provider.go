package syntax

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// provider is what the syntax of one kind of probe looks like: how many parts
// it takes and how they fill the fields of an AttachPoint.
type provider struct {
	kind     string
	aliases  []string
	min, max int
	fill     func(*AttachPoint, []rawPart) error
	text     func(*AttachPoint) []string // the reverse of fill
}

// providers holds every kind of probe the language has.
var providers = []provider{
	{"begin", nil, 0, 0, fillNothing, textNothing},
	{"end", nil, 0, 0, fillNothing, textNothing},
	{"self", nil, 2, 2, fillTarget, textTarget},
	{"test", nil, 1, 1, fillTarget, textTarget},
	{"bench", nil, 1, 1, fillTarget, textTarget},
	{"kprobe", []string{"k"}, 1, 2, fillFunction, textFunction},
	{"kretprobe", []string{"kr"}, 1, 2, fillFunction, textFunction},
	{"fentry", []string{"f", "kfunc"}, 1, 3, fillFentry, textFentry},
	{"fexit", []string{"fr", "kretfunc"}, 1, 3, fillFentry, textFentry},
	{"tracepoint", []string{"t"}, 2, 2, fillTarget, textTarget},
	{"rawtracepoint", []string{"rt"}, 1, 2, fillTarget, textTarget},
	{"uprobe", []string{"u"}, 1, 3, fillUprobe, textUprobe},
	{"uretprobe", []string{"ur"}, 1, 3, fillUprobe, textUprobe},
	{"rpc", nil, 1, 2, fillTarget, textTarget},
	{"usdt", []string{"U"}, 1, 3, fillUSDT, textUSDT},
	{"profile", []string{"p"}, 1, 2, fillTimer, textTimer},
	{"interval", []string{"i"}, 1, 2, fillTimer, textTimer},
	{"software", []string{"s"}, 1, 2, fillEvent, textEvent},
	{"hardware", []string{"h"}, 1, 2, fillEvent, textEvent},
	{"watchpoint", []string{"w"}, 3, 3, fillWatch, textWatch},
	{"iter", []string{"it"}, 1, 2, fillIter, textIter},
}

// Kinds returns the full names of all kinds of probes, in a fixed order.
func Kinds() []string {
	names := make([]string, len(providers))
	for i, p := range providers {
		names[i] = p.kind
	}
	return names
}

// IsProvider tells whether name is a kind of probe, in full or short.
func IsProvider(name string) bool {
	_, ok := providerOf(name)
	return ok
}

// providerOf finds a provider by full name, in any case, or by short name.
// "u" and "U" differ.
func providerOf(name string) (provider, bool) {
	for _, p := range providers {
		for _, a := range p.aliases {
			if a == name || len(a) > 1 && strings.EqualFold(a, name) {
				return p, true
			}
		}
		if strings.EqualFold(p.kind, name) {
			return p, true
		}
	}
	return provider{}, false
}

func fillNothing(*AttachPoint, []rawPart) error { return nil }
func textNothing(*AttachPoint) []string         { return nil }

// fillTarget serves `kind:func` and `kind:target:func`.
func fillTarget(a *AttachPoint, parts []rawPart) error {
	if len(parts) == 2 {
		a.Target = parts[0].part()
	}
	a.Func = parts[len(parts)-1].part()
	return a.needFunc()
}

func textTarget(a *AttachPoint) []string {
	if a.Target.Text == "" {
		return []string{a.Func.String()}
	}
	return []string{a.Target.String(), a.Func.String()}
}

// fillFunction serves kernel functions: `[module:]func[+offset]` or an address.
func fillFunction(a *AttachPoint, parts []rawPart) error {
	if len(parts) == 2 {
		a.Target = parts[0].part()
	}
	return a.setFunc(parts[len(parts)-1])
}

func textFunction(a *AttachPoint) []string {
	if a.Target.Text == "" {
		return []string{a.place()}
	}
	return []string{a.Target.String(), a.place()}
}

// fillFentry serves `[module:]func` and `bpf[:id]:prog`.
func fillFentry(a *AttachPoint, parts []rawPart) error {
	if len(parts) < 3 {
		return fillTarget(a, parts)
	}
	if parts[0].text != "bpf" {
		return fmt.Errorf("%s probe type takes 3 arguments only as %s:bpf:prog_id:prog", a.Kind, a.Kind)
	}
	id, err := strconv.ParseUint(parts[1].text, 0, 32)
	if err != nil {
		return fmt.Errorf("invalid BPF program id: %s", parts[1].text)
	}
	a.Target, a.ProgID, a.Func = parts[0].part(), uint32(id), parts[2].part()
	return a.needFunc()
}

func textFentry(a *AttachPoint) []string {
	if a.ProgID == 0 {
		return textTarget(a)
	}
	return []string{a.Target.String(), strconv.FormatUint(uint64(a.ProgID), 10), a.Func.String()}
}

// fillUprobe serves `[binary:]func[+offset]`, `binary:address`,
// `binary:cpp:func` and `binary@file:line[:col]`.
func fillUprobe(a *AttachPoint, parts []rawPart) error {
	if a.setLocation(parts) {
		if a.Kind == "uretprobe" {
			return diag.Sentencef("Offset not allowed: a uretprobe takes no source location")
		}
		return nil
	}
	if len(parts) > 1 {
		a.Target = parts[0].part()
	}
	if len(parts) == 3 {
		if parts[1].text != "cpp" {
			return &diag.HintError{Msg: fmt.Sprintf("unsupported language type: %s", parts[1].text),
				Hint: "quote a binary or function name that contains ':'"}
		}
		a.Lang = parts[1].text
	}
	return a.setFunc(parts[len(parts)-1])
}

// setLocation fills a source location, if parts are one: an '@' in the first
// part, and numbers behind it.
func (a *AttachPoint) setLocation(parts []rawPart) bool {
	at := strings.LastIndexByte(parts[0].outside, '@')
	if at < 0 || at+1 == len(parts[0].text) || len(parts) == 1 {
		return false
	}
	var place [2]int
	for i, p := range parts[1:] {
		n, err := strconv.Atoi(p.outside)
		if err != nil || n <= 0 {
			return false
		}
		place[i] = n
	}
	a.Target = parts[0].slice(0, at).part()
	a.File = parts[0].text[at+1:]
	a.Line, a.Col = place[0], place[1]
	return true
}

func textUprobe(a *AttachPoint) []string {
	switch {
	case a.File != "":
		parts := []string{a.Target.String() + "@" + Part{a.File, true}.String(), strconv.Itoa(a.Line)}
		if a.Col > 0 {
			parts = append(parts, strconv.Itoa(a.Col))
		}
		return parts
	case a.Lang != "":
		return []string{a.Target.String(), a.Lang, a.place()}
	}
	return textFunction(a)
}

// fillUSDT serves `[binary:[namespace:]]name`.
func fillUSDT(a *AttachPoint, parts []rawPart) error {
	if len(parts) == 3 {
		a.Namespace = parts[1].part()
		parts = []rawPart{parts[0], parts[2]}
	}
	return fillTarget(a, parts)
}

func textUSDT(a *AttachPoint) []string {
	if a.Namespace.Text == "" {
		return textTarget(a)
	}
	return []string{a.Target.String(), a.Namespace.String(), a.Func.String()}
}

// timerUnits are the units of profile and interval.
var timerUnits = []string{"hz", "s", "ms", "us"}

// fillTimer serves `unit:n` and a duration such as `1s`.
func fillTimer(a *AttachPoint, parts []rawPart) error {
	if len(parts) == 2 {
		a.Unit = parts[0].text
		if !slices.Contains(timerUnits, a.Unit) {
			return &diag.HintError{Msg: a.Unit + " is not an accepted unit of time", Hint: "units are " + strings.Join(timerUnits, ", ")}
		}
	}
	n := parts[len(parts)-1]
	if strings.HasPrefix(n.text, "-") || strings.Trim(n.text, "0") == "" && n.text != "" {
		return fmt.Errorf("%s frequency should be a positive integer", a.Kind)
	}
	return a.setCount("rate of", n)
}

func textTimer(a *AttachPoint) []string {
	if a.Unit == "" {
		return []string{strconv.FormatUint(a.Count, 10)}
	}
	return []string{a.Unit, strconv.FormatUint(a.Count, 10)}
}

// fillEvent serves `event[:count]`; an empty count is the default.
func fillEvent(a *AttachPoint, parts []rawPart) error {
	a.Func = parts[0].part()
	if len(parts) == 2 && parts[1].text != "" {
		if err := a.setCount("count for", parts[1]); err != nil {
			return err
		}
	}
	return a.needFunc()
}

func textEvent(a *AttachPoint) []string {
	if a.Count == 0 {
		return []string{a.Func.String()}
	}
	return []string{a.Func.String(), strconv.FormatUint(a.Count, 10)}
}

// fillWatch serves `address:length:mode`.
func fillWatch(a *AttachPoint, parts []rawPart) error {
	address, err := ParseInt(parts[0].text)
	if err != nil {
		return diag.Sentencef("Invalid function/address argument: %v", err)
	}
	a.Address, a.HasAddress, a.Mode = address, true, parts[2].text
	if a.Mode == "" || strings.Trim(a.Mode, "rwx") != "" {
		return fmt.Errorf("watchpoint mode must be combination of (r,w,x): '%s'", a.Mode)
	}
	return a.setCount("length of", parts[1])
}

func textWatch(a *AttachPoint) []string {
	return []string{a.place(), strconv.FormatUint(a.Count, 10), a.Mode}
}

// fillIter serves `name[:pin]`.
func fillIter(a *AttachPoint, parts []rawPart) error {
	if len(parts) == 2 {
		a.Target = parts[1].part()
	}
	a.Func = parts[0].part()
	return a.needFunc()
}

func textIter(a *AttachPoint) []string {
	if a.Target.Text == "" {
		return []string{a.Func.String()}
	}
	return []string{a.Func.String(), a.Target.String()}
}
