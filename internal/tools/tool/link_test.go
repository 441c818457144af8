package tool

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLink(t *testing.T) {
	const library = `enum used { ONE = 1 }
enum unused { TWO = 2 }
struct inner { int a; }

macro direct(x) { indirect(x) }
macro indirect(x) { x == ONE }
macro nobody(x) { x }
macro optional(x) { getopt("wide") && nobody(x) }
macro flagged() { if (getopt("deep")) { nobody(1) } else { 0 } }

tick=interval:s:1 /getopt("ticks")/ { @ticks = count(); }
interval:s:2 /getopt("lib")/ { if (direct(cpu)) { @a = count(); } }
`
	for _, tt := range []struct {
		name, template string
		consts         Consts
		omit           []string
		want           string
	}{
		{"nothing", `BEGIN { print((a=1, b=2)); }`, nil, []string{"b"}, `begin {
	print((a=1));
}
`},
		{"a probe of the library comes first", `BEGIN { @b = 1; }`, Consts{"lib": Bool(true)}, nil, `enum used {
	ONE = 1,
};

macro direct(x) {
	indirect(x)
}

macro indirect(x) {
	x == ONE
}

interval:s:2 {
	if (direct(cpu)) {
		@a = count();
	}
}

begin {
	@b = 1;
}
`},
		{"macros of the template", `macro own(x) { print((x=x, y=1)); indirect(x) }
BEGIN { if (own(1)) { @ = 1; } }`, nil, []string{"y"}, `enum used {
	ONE = 1,
};

macro indirect(x) {
	x == ONE
}

macro own(x) {
	print((x=x));
	indirect(x)
}

begin {
	if (own(1)) {
		@ = 1;
	}
}
`},
		{"dead uses are none", `BEGIN { if (optional(1)) { @ = 1; } if (getopt("no")) { direct(1); } }`, nil, nil, `macro optional(x) {
	false
}

begin {
	if (optional(1)) {
		@ = 1;
	}
}
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &Plan{Template: tt.template, Library: library, Consts: tt.consts, Omit: tt.omit}
			if diff := cmp.Diff(tt.want, p.Script("test", 0).Text); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
