// shapes: -g -O1 -fno-omit-frame-pointer
// shapes_o2: -g -O2
// shapes_static: -static -O1 -fno-omit-frame-pointer
// shapes_nopie: -no-pie -O1 -fno-omit-frame-pointer
// shapes_plain: -O1 -fno-omit-frame-pointer
// shapes_stripped: -O1 -s

// Functions with parameters of every kind, called once each; a number as
// argument repeats that with 100 ms between the turns.
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone))
#define HERE(x) __asm__ volatile("" : : "r"(x) : "memory")

enum color { RED, GREEN = 5, BLUE };
typedef unsigned long long count_type;
struct point { int x, y; };
union num { int i; char c[8]; };
struct bits { unsigned a : 3; unsigned b : 5; int c : 7; uint64_t d : 33; };
struct tree_node {
	int id;
	char name[16];
	const char *title;
	struct point at;
	struct tree_node *next;
	enum color color;
	int list[4];
	union num num;
	struct { int left; short right; };
	struct bits bits;
	_Bool yes;
	double weight;
	void (*call)(int);
};

KEEP int add(int a, int b) { HERE(a); return a + b; }
KEEP long walk(struct tree_node *n, const char *label, count_type big) { HERE(n); return n->id + (long)big; }
KEEP struct point move_by(struct point p, int dx, int dy) { p.x += dx; p.y += dy; HERE(&p); return p; }
KEEP double scale(double d, int n, float f) { HERE(n); return d * n * f; }
KEEP enum color paint(enum color c, volatile const int *p, char ch, _Bool b, short s, unsigned char uc) { HERE(p); return BLUE; }
KEEP int many(int a, int b, int c, int d, int e, int f, int g, long h) { HERE(h); return a + (int)h; }
KEEP struct tree_node big(struct tree_node n, int k) { n.id = k; HERE(&n); return n; }
KEEP const char *named(const char *s) { HERE(s); return s; }
static inline __attribute__((always_inline)) int inlined(int x) { return add(x, 1) * 3; }
KEEP int outer(int x) { int r = inlined(x); HERE(r); return r + 1; }
KEEP int outermost(int x) { int r = outer(x); HERE(r); return r + 1; }
static KEEP int local(int x) { HERE(x); return x; }
int alias(int x) __attribute__((alias("aliased")));
KEEP int aliased(int x) { HERE(x); return x + 1; }

int global = 42;
char text[16] = "global text";
struct tree_node root = { 7, "root", "the root", {1, 2}, NULL, GREEN, {1, 2, 3, 4}, {.i = 9}, {11, 12}, {5, 17, -3, 1ull << 32}, 1, 2.5, NULL };
struct tree_node kid = { 8, "kid", "the kid", {3, 4}, &root, BLUE, {5, 6, 7, 8}, {.i = 10}, {13, 14}, {1, 2, 3, 4}, 0, 3.5, NULL };

int main(int argc, char **argv) {
	int turns = argc > 1 ? atoi(argv[1]) : 1;
	for (int i = 0; i < turns; i++) {
		add(1, 2);
		walk(&kid, text, 1ull << 40);
		move_by((struct point){10, 20}, 1, 2);
		scale(1.5, 2, 2.0f);
		int v = 3;
		paint(GREEN, &v, 'x', 1, -2, 200);
		many(1, 2, 3, 4, 5, 6, 7, 8);
		big(root, 99);
		named(text);
		outermost(5);
		local(6);
		alias(7);
		if (turns > 1) usleep(100000);
	}
	return 0;
}
