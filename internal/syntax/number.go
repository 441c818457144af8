package syntax

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// intSuffixes are the letters that may follow a decimal number: a factor, and
// the largest result.
var intSuffixes = map[string]struct{ factor, limit uint64 }{
	"":    {1, math.MaxUint64},
	"u":   {1, math.MaxUint32},
	"l":   {1, math.MaxInt64},
	"ll":  {1, math.MaxInt64},
	"ul":  {1, math.MaxUint64},
	"ull": {1, math.MaxUint64},
	"ns":  {1, math.MaxUint64},
	"us":  {1e3, math.MaxUint64},
	"ms":  {1e6, math.MaxUint64},
	"s":   {1e9, math.MaxUint64},
	"m":   {60e9, math.MaxUint64},
	"h":   {3600e9, math.MaxUint64},
	"d":   {86400e9, math.MaxUint64},
}

// ParseInt reads an integer as the language writes it: decimal, hexadecimal,
// octal or binary, with '_' between digits, as digit-e-exponent, and with a C
// or duration suffix (durations come back in ns). Positional parameters and
// named ones are read by it too.
func ParseInt(text string) (uint64, error) {
	digits, suffix := splitSuffix(text)
	clean := strings.ReplaceAll(digits, "_", "")
	if clean == "" || strings.HasSuffix(digits, "_") {
		return 0, fmt.Errorf("invalid integer: %s", text)
	}
	scale, ok := intSuffixes[suffix]
	if !ok {
		scale, ok = intSuffixes[strings.ToLower(suffix)]
		if !ok || scale.factor != 1 || strings.EqualFold(suffix, "ns") {
			return 0, fmt.Errorf("invalid trailing bytes: %s", text)
		}
	}
	v, err := readDigits(clean)
	if errors.Is(err, strconv.ErrRange) {
		return 0, overflow(scale.limit, text)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, text)
	}
	hi, lo := bits.Mul64(v, scale.factor)
	if hi != 0 || lo > scale.limit {
		return 0, overflow(scale.limit, text)
	}
	return lo, nil
}

func overflow(limit uint64, text string) error {
	return fmt.Errorf("overflow error, maximum value is %d: %s", limit, text)
}

// splitSuffix divides text where its digits, exponent included, end.
func splitSuffix(text string) (digits, suffix string) {
	set := "0123456789_eE"
	if len(text) > 1 && text[0] == '0' {
		switch text[1] {
		case 'x', 'X':
			set = "0123456789_abcdefABCDEFxX"
		case 'b', 'B':
			set = "0123456789_bB"
		}
	}
	end := len(text) - len(strings.TrimLeft(text, set))
	return text[:end], text[end:]
}

var (
	errInteger     = errors.New("invalid integer")
	errCoefficient = errors.New("coefficient part of scientific literal must be 1-9")
)

func readDigits(s string) (uint64, error) {
	lower := strings.ToLower(s)
	hex := strings.HasPrefix(lower, "0x")
	if coefficient, exponent, ok := strings.Cut(lower, "e"); ok && !hex {
		return scientific(coefficient, exponent)
	}
	v, err := strconv.ParseUint(lower, 0, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errInteger
	}
	return v, err
}

func scientific(coefficient, exponent string) (uint64, error) {
	if len(coefficient) != 1 || coefficient[0] < '1' || coefficient[0] > '9' {
		return 0, errCoefficient
	}
	n, err := strconv.ParseUint(exponent, 10, 32)
	if err != nil {
		return 0, errInteger
	}
	v := uint64(coefficient[0] - '0')
	for ; n > 0; n-- {
		hi, lo := bits.Mul64(v, 10)
		if hi != 0 {
			return 0, strconv.ErrRange
		}
		v = lo
	}
	return v, nil
}
