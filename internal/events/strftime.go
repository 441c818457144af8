package events

import (
	"fmt"
	"strconv"
	"time"
)

// AppendStrftime appends t as strftime(3) would print it in the C locale.
// Beyond that %f is microseconds (6 digits), %l milliseconds (3) and %k
// nanoseconds (9), as in bpftrace. GNU's flags - _ 0 ^ are known; E and O are
// skipped; an unknown conversion stays as it is.
func AppendStrftime(dst []byte, format string, t time.Time) []byte {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			dst = append(dst, format[i])
			continue
		}
		start, flag := i, byte(0)
		i++
		for i < len(format) && (format[i] == 'E' || format[i] == 'O' || isTimeFlag(format[i])) {
			if isTimeFlag(format[i]) {
				flag = format[i]
			}
			i++
		}
		if i == len(format) {
			return append(dst, format[start:]...)
		}
		var ok bool
		if dst, ok = appendConversion(dst, format[i], flag, t); !ok {
			dst = append(dst, format[start:i+1]...)
		}
	}
	return dst
}

func isTimeFlag(c byte) bool { return c == '-' || c == '_' || c == '0' || c == '^' }

// composed are the conversions that stand for others.
func composed(c byte) string {
	switch c {
	case 'c':
		return "%a %b %e %H:%M:%S %Y"
	case 'D', 'x':
		return "%m/%d/%y"
	case 'F':
		return "%Y-%m-%d"
	case 'r':
		return "%I:%M:%S %p"
	case 'R':
		return "%H:%M"
	case 'T', 'X':
		return "%H:%M:%S"
	}
	return ""
}

func appendConversion(dst []byte, c, flag byte, t time.Time) ([]byte, bool) {
	if f := composed(c); f != "" {
		return AppendStrftime(dst, f, t), true
	}
	if n, width, pad, ok := timeNumber(c, t); ok {
		return appendPadded(dst, n, width, pad, flag), true
	}
	text, ok := timeText(c, t)
	if !ok {
		return dst, false
	}
	for i := range len(text) {
		b := text[i]
		if flag == '^' && 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return dst, true
}

// timeNumber returns a numeric conversion with its width and padding.
func timeNumber(c byte, t time.Time) (n, width int, pad byte, ok bool) {
	isoYear, isoWeek := t.ISOWeek()
	weekday, yearDay := int(t.Weekday()), t.YearDay()-1
	switch c {
	case 'C':
		return t.Year() / 100, 2, '0', true
	case 'd':
		return t.Day(), 2, '0', true
	case 'e':
		return t.Day(), 2, ' ', true
	case 'f':
		return t.Nanosecond() / 1000, 6, '0', true
	case 'g':
		return isoYear % 100, 2, '0', true
	case 'G':
		return isoYear, 4, '0', true
	case 'H':
		return t.Hour(), 2, '0', true
	case 'I':
		return (t.Hour()+11)%12 + 1, 2, '0', true
	case 'j':
		return t.YearDay(), 3, '0', true
	case 'k':
		return t.Nanosecond(), 9, '0', true
	case 'l':
		return t.Nanosecond() / 1_000_000, 3, '0', true
	case 'm':
		return int(t.Month()), 2, '0', true
	case 'M':
		return t.Minute(), 2, '0', true
	case 's':
		return int(t.Unix()), 1, '0', true
	case 'S':
		return t.Second(), 2, '0', true
	case 'u':
		return (weekday+6)%7 + 1, 1, '0', true
	case 'U':
		return (yearDay + 7 - weekday) / 7, 2, '0', true
	case 'V':
		return isoWeek, 2, '0', true
	case 'w':
		return weekday, 1, '0', true
	case 'W':
		return (yearDay + 7 - (weekday+6)%7) / 7, 2, '0', true
	case 'y':
		return t.Year() % 100, 2, '0', true
	case 'Y':
		return t.Year(), 1, '0', true
	}
	return 0, 0, 0, false
}

func timeText(c byte, t time.Time) (string, bool) {
	switch c {
	case 'a':
		return t.Weekday().String()[:3], true
	case 'A':
		return t.Weekday().String(), true
	case 'b', 'h':
		return t.Month().String()[:3], true
	case 'B':
		return t.Month().String(), true
	case 'n':
		return "\n", true
	case 'p':
		return t.Format("PM"), true
	case 'P':
		return t.Format("pm"), true
	case 't':
		return "\t", true
	case 'z':
		_, off := t.Zone()
		sign := '+'
		if off < 0 {
			sign, off = '-', -off
		}
		return fmt.Sprintf("%c%02d%02d", sign, off/3600, off/60%60), true
	case 'Z':
		name, _ := t.Zone()
		return name, true
	case '%':
		return "%", true
	}
	return "", false
}

func appendPadded(dst []byte, n, width int, pad, flag byte) []byte {
	switch flag {
	case '-':
		width = 0
	case '_':
		pad = ' '
	case '0':
		pad = '0'
	}
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], int64(n), 10)
	for range width - len(text) {
		dst = append(dst, pad)
	}
	return append(dst, text...)
}
