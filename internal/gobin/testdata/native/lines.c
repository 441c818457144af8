// Functions of several lines, inlined ones and a part that is seldom run.
#include <stdio.h>
#include <stdlib.h>

volatile int sink;

static inline __attribute__((always_inline)) int innermost(int x)
{
	sink = x;
	return x * 3;
}

static inline __attribute__((always_inline)) int inner(int x)
{
	int y = innermost(x + 1);
	for (int i = 0; i < x; i++)
		sink += innermost(i);
	return y * 2;
}

__attribute__((noinline)) int line_outer(int x)
{
	if (__builtin_expect(x > 1000, 0)) {
		fprintf(stderr, "%d\n", inner(x));
		abort();
	}
	return inner(x) +
	       innermost(x);
}

__attribute__((noinline)) int line_plain(int x)
{
	sink = x;
	return line_outer(x) + 1;
}

int main(int argc, char **argv)
{
	return line_plain(argc);
}
