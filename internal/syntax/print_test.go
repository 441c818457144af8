package syntax

import (
	"os"
	"strings"
	"testing"
)

// expr and stmt say how one expression or statement prints; "" means as it is
// written.
func expr(t *testing.T, text, want string) {
	t.Helper()
	if want == "" {
		want = text
	}
	stmt(t, "_ = "+text+";", "_ = "+want+";")
}

func stmt(t *testing.T, text, want string) {
	t.Helper()
	if want == "" {
		want = text
	}
	want = "\t" + strings.ReplaceAll(want, "\n", "\n\t")
	prints(t, "begin { "+text+" }", "begin {\n"+want+"\n}\n")
}

func TestPrecedence(t *testing.T) {
	expr(t, "1+2*3", "1 + 2 * 3")
	expr(t, "(1+2)*3", "(1 + 2) * 3")
	expr(t, "1-(2-3)", "1 - (2 - 3)")
	expr(t, "(1-2)-3", "1 - 2 - 3")
	expr(t, "1|2^3&4", "1 | 2 ^ 3 & 4")
	expr(t, "((1|2)^3)&4", "((1 | 2) ^ 3) & 4")
	expr(t, "1==2&3", "1 == 2 & 3")
	expr(t, "1<<2+3", "1 << 2 + 3")
	expr(t, "(1<<2)<3==4", "1 << 2 < 3 == 4")
	expr(t, "1||2&&3", "1 || 2 && 3")
	expr(t, "$a ? 1 : $b ? 2 : 3", "")
	expr(t, "($a ? 1 : 2) ? 3 : 4", "")
	expr(t, "$a?:$b", "$a ?: $b")
	expr(t, "-$a.b", "")
	expr(t, "(-$a).b", "")
	expr(t, "*$a->b[1]", "*$a.b[1]")
	expr(t, "(*$a).b", "")
	expr(t, `rpc.metadata("key")`, "")
	expr(t, `rpc . f(1+2, $a,).g`, "rpc.f(1 + 2, $a).g")
	expr(t, "**$a", "")
	expr(t, "- -$a", "-(-$a)")
	expr(t, "-(--$a)", "")
	expr(t, "$a - -$b", "$a - -$b")
	expr(t, "$a+++$b", "$a++ + $b")
	expr(t, "!$a == ~$b", "")
	expr(t, "$a & &$b", "")
	expr(t, "comptime $a + 1", "")
	expr(t, "comptime ($a + 1)", "")
	expr(t, "comptime is_str($a) ? 1 : 2", "")
}

func TestCasts(t *testing.T) {
	expr(t, "(uint64)-1", "(uint64)(-1)")
	expr(t, "(foo)-1", "foo - 1")
	expr(t, "(foo)*$x", "foo * $x")
	expr(t, "(foo*)$x", "")
	expr(t, "(foo)$x", "")
	expr(t, "(foo)(1)", "(foo)1")
	expr(t, "(struct foo *)arg0", "(struct foo*)arg0")
	expr(t, "(pid)-1", "pid - 1")
	expr(t, "(arg1)*2", "arg1 * 2")
	expr(t, "(int8[])\"s\"", "")
	expr(t, "(int32*[4])$x", "")
	expr(t, "(int32[4]*)$x", "")
	expr(t, "(unsigned long long)$x", "")
	expr(t, "(const char *)$x", "(char*)$x")
	expr(t, "(typeof($y))2", "")
	expr(t, "(enum color)2", "")
	expr(t, "(uint8)$x.y + 1", "")
	expr(t, "(size_t)-1", "(size_t)(-1)")
	expr(t, "(@x[1])-1", "@x[1] - 1")
}

func TestTypeContexts(t *testing.T) {
	expr(t, "sizeof(comm)", "")
	expr(t, "sizeof(foo[1])", "")
	expr(t, "sizeof((foo)[1])", "sizeof((foo[1]))")
	expr(t, "sizeof(struct foo) + sizeof($x.y)", "")
	expr(t, "offsetof(struct foo, a.b.c)", "")
	expr(t, "offsetof(*$x, a)", "")
	expr(t, "typeinfo($x).btf_id", "")
	expr(t, "typeinfo(uint8*) == typeinfo(typeof($x))", "")
	expr(t, "container_of($p, typeof(struct foo), member)", "")
}

func TestPrimaries(t *testing.T) {
	expr(t, "(1,2)", "(1, 2)")
	expr(t, "(1,)", "")
	expr(t, "()", "")
	expr(t, "(x = 1, y=\"s\",)", "(x=1, y=\"s\")")
	expr(t, "(pid=pid, comm=comm)", "")
	expr(t, "$kv.0.1", "")
	expr(t, "@", "")
	expr(t, "@[1,2] + @a[(1,2)] + @a[(1,)]", "@[1, 2] + @a[1, 2] + @a[(1,)]")
	expr(t, "(@a)[1]", "")
	expr(t, "@a[1][2]", "")
	expr(t, "config.stack_mode", "")
	expr(t, "config().max_strlen", "")
	expr(t, "$1 + $# + str($2)", "")
	expr(t, "true || false", "")
	expr(t, `"\n\t\r\"\\\101\x41\0\x7f"`, `"\n\t\r\"\\AA\x00\x7f"`)
	expr(t, "0x1F + 017 + 1_000u + 10ms + 1e6", "")
	expr(t, "{ let $a = 1; $a }", "{\n\tlet $a = 1;\n\t$a\n}")
	expr(t, "if $a { 1 } else if $b { 2 } else { 3 }", "if ($a) {\n\t1\n} else if ($b) {\n\t2\n} else {\n\t3\n}")
	expr(t, "({ 1 }) + 1", "({\n\t1\n}) + 1")
}

func TestStatements(t *testing.T) {
	stmt(t, "let $x;", "")
	stmt(t, "let $x : string[64]", "let $x: string[64];")
	stmt(t, "let $x: uint8 = 3", "let $x: uint8 = 3;")
	stmt(t, "@m[1,2]+=3", "@m[1, 2] += 3;")
	stmt(t, "$a <<= 1; $a >>= 1; $a |= 1;", "$a <<= 1;\n$a >>= 1;\n$a |= 1;")
	stmt(t, "@++; ++$x; @a[1]--", "@++;\n++$x;\n@a[1]--;")
	stmt(t, "args; ;; _ = f()", "args;\n_ = f();")
	stmt(t, "if (1) {} else {}", "")
	stmt(t, "if $a == 1 { f() } else if ($b) { g() }", "if ($a == 1) {\n\tf();\n} else if ($b) {\n\tg();\n}")
	stmt(t, "if (x) { 1 }", "if (x) {\n\t1;\n}")
	stmt(t, "if comptime (x) { 1 }", "if (comptime x) {\n\t1;\n}")
	stmt(t, "for ($kv : @m) { continue; }", "for ($kv : @m) {\n\tcontinue;\n}")
	stmt(t, "for $i : 0..ncpus { break }", "for ($i : 0..ncpus) {\n\tbreak;\n}")
	stmt(t, "for ($i : $a.b..(1+2)) {}", "for ($i : $a.b..(1 + 2)) {}")
	stmt(t, "while ($x < 3) { $x++ }", "while ($x < 3) {\n\t$x++;\n}")
	stmt(t, "unroll($1) { f() }", "unroll ($1) {\n\tf();\n}")
	stmt(t, "return", "return;")
	stmt(t, "return -1;", "")
	stmt(t, `import "stdlib/a.bt";`, "")
	stmt(t, "{ let $x = 1; f($x) }", "{\n\tlet $x = 1;\n\tf($x);\n}")
	stmt(t, "({ 1 });", "({\n\t1\n});")
}

func TestFiles(t *testing.T) {
	prints(t, "", "")
	prints(t, "#!/bin/x\nBEGIN{}", "#!/bin/x\nbegin {}\n")
	prints(t, "// c\nBEGIN /* x */ { } // y", "// c\nbegin /* x */\n{} // y\n")
	prints(t, "BEGIN/pid==1/{}", "begin\n/pid == 1/\n{}\n")
	prints(t, "BEGIN /*$x==1/ { */ {}", "begin /*$x==1/ { */\n{}\n")
	prints(t, "BEGIN / *$x == 4/2 / {}", "begin\n/ *$x == 4 / 2/\n{}\n")
	prints(t, "BEGIN /(1 / {2}) == 3/ {}", "begin\n/1 / ({\n\t2\n}) == 3/\n{}\n")
	prints(t, "k:a, k:b, {}", "kprobe:a,\nkprobe:b {}\n")
	prints(t, "import \"a\"; config = { a = 1; b = \"c\"; d = e; f = true }", "config = {\n\ta = 1;\n\tb = \"c\";\n\td = e;\n\tf = true;\n}\nimport \"a\";\n")
	prints(t, "let @m = hash(10) let @ = lruhash(N);", "let @m = hash(10);\n\nlet @ = lruhash(N);\n")
	prints(t, "macro m() { 1 }", "macro m {\n\t1\n}\n")
	prints(t, "macro m($a, e, @b) { if e { 1 } else { 2 } }", "macro m($a, e, @b) {\n\tif (e) {\n\t\t1\n\t} else {\n\t\t2\n\t}\n}\n")
	prints(t, "macro m() { if x { 1 } }", "macro m {\n\tif (x) {\n\t\t1;\n\t}\n}\n")
	prints(t, "macro m() { { 1 } }", "macro m {\n\t{\n\t\t1\n\t}\n}\n")
	prints(t, "fn f() {}", "fn f() {}\n")
	prints(t, "fn f($a : struct x *, $b: int8) : void { return; }", "fn f($a : struct x*, $b : int8) : void {\n\treturn;\n}\n")
}

func TestCDefinitions(t *testing.T) {
	prints(t, "#include <a/b.h> // c\n#include \"c d\"\n#define X\n#define Y (1) /* c */\n#define F(a) a\n# ifdef X\n",
		"#include <a/b.h> // c\n#include \"c d\"\n#define X\n#define Y (1) /* c */\n#define F(a) a\n#ifdef X\n")
	prints(t, "#define X 1 + \\\n 2\nBEGIN {}", "#define X 1 + \\\n 2\n\nbegin {}\n")
	prints(t, "struct a; struct b { int x; };", "struct b {\n\tint x;\n};\n")
	prints(t, "union u { const char *a, b[2][3]; }", "union u {\n\tchar *a;\n\tchar b[2][3];\n};\n")
	prints(t, "struct s { int (*f)(int a, void (*g)(void)), (*x[3])[4], **y, z[]; };",
		"struct s {\n\tint (*f)(int, void (*)(void));\n\tint (*x[3])[4];\n\tint **y;\n\tint z[];\n};\n")
	prints(t, "struct s { unsigned a:3, :5; int b __attribute__((aligned(8), packed)); } __attribute__((packed)) __attribute__((unused))",
		"struct s {\n\tunsigned a : 3;\n\tunsigned : 5;\n\tint b __attribute__((packed, aligned(8)));\n} __attribute__((packed));\n")
	prints(t, "struct __attribute__((packed)) s { struct { int a; } x; union { int b; }; };",
		"struct s {\n\tstruct {\n\t\tint a;\n\t} x;\n\tunion {\n\t\tint b;\n\t};\n} __attribute__((packed));\n")
	prints(t, "enum e { A, B = 1 << 2, C = B + 1 }; enum { D };",
		"enum e {\n\tA,\n\tB = 1 << 2,\n\tC = B + 1,\n};\nenum {\n\tD,\n};\n")
}

func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/all.bt")
	if err != nil {
		t.Fatal(err)
	}
	f := mustParse(t, string(text), "7")
	golden(t, "all.print", printed(f))
	golden(t, "all.dump", dumped(f))
	if got := dumped(mustParse(t, printed(f))); got != dumped(f) {
		t.Errorf("the printed text reads back as another tree:\n%s", got)
	}
}
