// frames: -O2 -fomit-frame-pointer
// frames_static: -O2 -fomit-frame-pointer -static
// frames_fixed: -O2 -fomit-frame-pointer -no-pie
// frames_stripped: -O2 -fomit-frame-pointer -s

// Calls through all kinds of frames without frame pointers: through the C library's
// qsort(), a signal's handler on a stack of its own, an aligned frame, a thread.

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define KEPT __attribute__((noinline, noclone))

volatile int sink;

KEPT int mark(int n) { return sink += n; }

KEPT int compare(const void *a, const void *b) {
	sink += mark(1);
	return *(const int *)a - *(const int *)b;
}

KEPT int sorted(int n) {
	int list[n];
	for (int i = 0; i < n; i++)
		list[i] = n - i;
	qsort(list, n, sizeof list[0], compare);
	return list[0] + sink;
}

KEPT int two(int n) { return sorted(n) + 1; }
KEPT int one(int n) { return two(n) * 3; }

KEPT void handler(int signal) { sink += mark(signal) + 1; }

KEPT void raised(int n) {
	static char room[65536];
	stack_t other = {.ss_sp = room, .ss_size = sizeof room};
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	char buffer[16 + n];
	memset(buffer, n, sizeof buffer);
	sigaltstack(&other, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	sink += buffer[n];
}

KEPT void aligned(int n) {
	volatile int list[16] __attribute__((aligned(64)));
	char buffer[n];
	buffer[0] = n;
	list[0] = buffer[0];
	sink += mark(list[0]) + list[0];
}

KEPT void *threaded(void *p) {
	sink += mark(1) + 1;
	return p;
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "sort"))
		return one(2) < 0;
	if (!strcmp(what, "signal"))
		raised(3);
	if (!strcmp(what, "align"))
		aligned(9);
	if (!strcmp(what, "thread")) {
		pthread_t t;
		pthread_create(&t, NULL, threaded, NULL);
		pthread_join(t, NULL);
	}
	return 0;
}
