// loads: -O2 -fomit-frame-pointer
// loads_library: -O2 -fomit-frame-pointer -shared -fPIC -DLIBRARY

// Computes for ever, without frame pointers: in itself, or in a library that it loads.

#include <dlfcn.h>

#define KEPT __attribute__((noinline, noclone))

volatile int sink;

#ifdef LIBRARY

static KEPT int inner(int n) { return sink += n; }

KEPT int outer(int n) { return inner(n) + 1; }

#else

KEPT int spin(int n) {
	int room[64];
	for (int i = 0; i < 20000; i++)
		sink += room[i % 64] = i * n;
	return room[n];
}

KEPT int spun(int n) { return spin(n) + 1; }

int main(int argc, char **argv) {
	int (*work)(int) = spun;
	if (argc > 1)
		work = (int (*)(int))dlsym(dlopen(argv[1], RTLD_NOW), "outer");
	for (;;)
		sink += work(2) + 1;
}

#endif
