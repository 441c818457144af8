// Frames of all kinds: of fixed and variable size, aligned, of a signal's handler.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

volatile int sink;

__attribute__((noinline)) int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

__attribute__((noinline)) int variable(int n) {
	int room[n + 1];
	for (int i = 0; i <= n; i++)
		room[i] = n - i;
	qsort(room, n + 1, sizeof room[0], compare);
	return room[n];
}

__attribute__((noinline)) int aligned(int n) {
	volatile int room[16] __attribute__((aligned(64)));
	room[n & 15] = n;
	return variable(room[n & 15]);
}

void handler(int n) { sink += aligned(n); }

int main(int argc, char **argv) {
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	printf("%d\n", sink);
	return 0;
}
