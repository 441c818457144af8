// mapped: -O2

// Runs a function of its own out of an archive that has this program.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

extern char __ehdr_start;

__attribute__((noinline)) long work(long n) { return n * 3 + 1; }

// mapped ARCHIVE START TIMES
int main(int argc, char **argv) {
	if (argc != 4)
		return 2;
	int fd = open(argv[1], O_RDONLY);
	long start = atol(argv[2]);
	char *code = mmap(NULL, 1 << 20, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, start);
	if (code == MAP_FAILED)
		return 3;
	long (*packed)(long) = (long (*)(long))(code + ((char *)work - &__ehdr_start));
	long sum = 0;
	for (long i = 0; i < atol(argv[3]); i++)
		sum = packed(sum);
	printf("%ld\n", sum);
	return 0;
}
