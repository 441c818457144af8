// marks: -O1 -fno-omit-frame-pointer
// marks_nopie: -O1 -no-pie

// Static probes as <sys/sdt.h> makes them, with and without a semaphore, in
// several places, and with arguments of every kind. The program says whether
// somebody watches.
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

#define NOTE(provider, name, semaphore, args) \
	"990: nop\n" \
	".pushsection .note.stapsdt,\"?\",\"note\"\n" \
	".balign 4\n .4byte 992f-991f, 994f-993f, 3\n" \
	"991: .asciz \"stapsdt\"\n" \
	"992: .balign 4\n" \
	"993: .8byte 990b\n .8byte _.stapsdt.base\n .8byte " semaphore "\n" \
	".asciz \"" provider "\"\n .asciz \"" name "\"\n .asciz \"" args "\"\n" \
	"994: .balign 4\n .popsection\n" \
	".ifndef _.stapsdt.base\n" \
	".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
	".weak _.stapsdt.base\n .hidden _.stapsdt.base\n" \
	"_.stapsdt.base: .space 1\n .size _.stapsdt.base, 1\n .popsection\n .endif\n"
#define SIZED(n, x) [s##n] "n"(sizeof(x)), [v##n] "nor"(x)

__attribute__((section(".probes"), used)) volatile unsigned short demo_watched_semaphore;
struct pair { int32_t a; int64_t b; } pair = { -7, 1ll << 40 };
int8_t bytes[4] = { -1, -2, 3, 4 };
uint16_t table[8] = { 10, 11, 12, 13, 14, 15, 16, 17 };

#ifdef __aarch64__
#define KINDS "-8@%[v0] -4@%w[v1] -2@%w[v2] -1@%w[v3] 1@%w[v4] 8@%[v5]"
#define MEMORY "-4@[%[p]] -8@[%[p], 8] 2@[%[t], 6] -1@[%[b], 1] 2@[%[t], 10]"
#define CONSTANTS "-4@-5 8@1099511627776 1@200"
#define CONSTANT "4@1"
#else
#define KINDS "-8@%[v0] -4@%[v1] -2@%w[v2] -1@%b[v3] 1@%b[v4] 8@%[v5]"
#define MEMORY "-4@(%[p]) -8@8(%[p]) 2@(%[t],%[i],2) -1@1(%[b]) 2@4(%[t],%[i],2)"
#define CONSTANTS "-4@$-5 8@$1099511627776 1@$200"
#define CONSTANT "4@$1"
#endif

static inline __attribute__((always_inline)) void several(int x)
{
	__asm__ volatile(NOTE("demo", "several", "0", "-4@%[v0]") : : SIZED(0, x));
}

__attribute__((noinline)) void kinds(long a, int b, short c, signed char d, unsigned char e, const char *text)
{
	__asm__ volatile(NOTE("demo", "kinds", "0", KINDS)
		: : [v0] "r"(a), [v1] "r"(b), [v2] "r"(c), [v3] "r"(d), [v4] "r"(e), [v5] "r"(text));
}

__attribute__((noinline)) void memory(struct pair *p, long i)
{
	__asm__ volatile(NOTE("demo", "memory", "0", MEMORY)
		: : [p] "r"(p), [t] "r"(table), [i] "r"(i), [b] "r"(bytes));
}

__attribute__((noinline)) void constants(void)
{
	__asm__ volatile(NOTE("demo", "constants", "0", CONSTANTS) : :);
	__asm__ volatile(NOTE("other", "constants", "0", CONSTANT) : :);
	__asm__ volatile(NOTE("demo", "none", "0", "") : :);
}

__attribute__((noinline)) void watched(int x)
{
	__asm__ volatile(NOTE("demo", "watched", "demo_watched_semaphore", "-4@%[v0]") : : [v0] "r"(x));
}

int main(int argc, char **argv)
{
	int turns = argc > 1 ? atoi(argv[1]) : 1;
	for (int i = 0; i < turns; i++) {
		several(1);
		several(argc + 1);
		kinds(-1l << 40, -2, -3, -4, 250, "text");
		memory(&pair, 3);
		constants();
		if (demo_watched_semaphore) watched(demo_watched_semaphore);
		if (turns > 1) usleep(100000);
	}
	several(99);
	return 0;
}
