/* Calls a recursive function for each line of its input. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) long fact(long n, long acc)
{
	if (n <= 1)
		return acc;
	return fact(n - 1, acc * n) + (n == 77777);
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin))
		printf("done %ld\n", fact(atol(line), 1));
	return 0;
}
