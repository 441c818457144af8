/*
 * One end of TCP connections in C, for the same lines and with the same reports as
 * the program in ../peer. Calls block. Bytes are sent with sendfile and taken with
 * splice.
 *
 *   cpeer listen ADDRESS PORT THREADS [each]   THREADS accept from one socket, or
 *                                              each from its own (SO_REUSEPORT)
 *   cpeer dial ADDRESS PORT                    a connection for each line of input
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum closer { CLIENT, SERVER, RESET };

struct header {
	uint32_t send, reply, closer;
};

struct end {
	const char *role;
	struct sockaddr_storage local, remote;
	long long tx, rx, ns, connect_ns;
	const char *error;
};

static pthread_mutex_t out = PTHREAD_MUTEX_INITIALIZER;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int resolve(const char *address, int port, struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr_in *v4 = (void *)sa;
	struct sockaddr_in6 *v6 = (void *)sa;

	memset(sa, 0, sizeof(*sa));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*len = sizeof(*v4);
		return AF_INET;
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1)
		fail(address);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	*len = sizeof(*v6);
	return AF_INET6;
}

/* print_end prints an address as people write it: IPv4 also where a socket could do both. */
static void print_end(const char *name, struct sockaddr_storage *sa)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in *v4 = (void *)sa;
	struct sockaddr_in6 *v6 = (void *)sa;
	int port = ntohs(v4->sin_port);

	if (sa->ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
	else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
	printf("\"%caddr\":\"%s\",\"%cport\":%d,", *name, text, *name, port);
}

/* describe notes the names of a socket while it has both. */
static void describe(int fd, struct end *e)
{
	socklen_t len = sizeof(e->local), rlen = sizeof(e->remote);

	getsockname(fd, (void *)&e->local, &len);
	getpeername(fd, (void *)&e->remote, &rlen);
}

/* end closes a connection and tells what it was. */
static void end(int fd, struct end *e)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	close(fd);
	pthread_mutex_lock(&out);
	printf("{\"Role\":\"%s\",", e->role);
	print_end("L", &e->local);
	print_end("R", &e->remote);
	printf("\"Tx\":%lld,\"Rx\":%lld,\"Ns\":%lld,\"ConnectNs\":%lld,\"Retrans\":%u,\"Error\":\"%s\"}\n",
	       e->tx, e->rx, e->ns, e->connect_ns, info.tcpi_total_retrans, e->error ? e->error : "");
	fflush(stdout);
	pthread_mutex_unlock(&out);
}

/* send_file sends n bytes from a file. */
static void send_file(int fd, long long n)
{
	int file = memfd_create("bytes", 0);
	off_t at = 0;

	if (file < 0 || ftruncate(file, n))
		fail("memfd");
	while (at < n)
		if (sendfile(fd, file, &at, n - at) < 0)
			fail("sendfile");
	close(file);
}

/* take moves n bytes through a pipe to nowhere. */
static void take(int fd, long long n)
{
	int p[2], null = open("/dev/null", O_WRONLY);

	if (pipe(p) || null < 0)
		fail("pipe");
	while (n > 0) {
		ssize_t got = splice(fd, NULL, p[1], NULL, n < 65536 ? n : 65536, SPLICE_F_MOVE);

		if (got <= 0)
			fail("splice");
		n -= got;
		while (got > 0) {
			ssize_t put = splice(p[0], NULL, null, NULL, got, SPLICE_F_MOVE);

			if (put <= 0)
				fail("splice to /dev/null");
			got -= put;
		}
	}
	close(p[0]);
	close(p[1]);
	close(null);
}

static void serve(int fd)
{
	struct end e = {.role = "server"};
	long long begin = now();
	struct header h;
	char c;

	describe(fd, &e);
	if (recv(fd, &h, sizeof(h), MSG_WAITALL) != sizeof(h))
		fail("recv");
	e.rx = sizeof(h) + ntohl(h.send);
	e.tx = ntohl(h.reply);
	take(fd, ntohl(h.send));
	send_file(fd, e.tx);
	if (ntohl(h.closer) != SERVER)
		(void)!read(fd, &c, 1);
	e.ns = now() - begin;
	end(fd, &e);
}

static int listener(const char *address, int port, int each)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd = socket(resolve(address, port, &sa, &len), SOCK_STREAM, 0), one = 1;

	if (each)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (fd < 0 || bind(fd, (void *)&sa, len) || listen(fd, 1024))
		fail("listen");
	return fd;
}

static void *accept_all(void *arg)
{
	for (;;) {
		int fd = accept((int)(intptr_t)arg, NULL, NULL);

		if (fd < 0)
			fail("accept");
		serve(fd);
	}
	return NULL;
}

static void listen_all(const char *address, int port, int threads, int each)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);
	int fd = listener(address, port, each);
	char c;

	if (getsockname(fd, (void *)&sa, &len))
		fail("getsockname");
	port = ntohs(sa.sin6_port);
	for (int i = 0; i < threads; i++) {
		pthread_t t;

		if (each && i > 0)
			fd = listener(address, port, each);
		if (pthread_create(&t, NULL, accept_all, (void *)(intptr_t)fd))
			fail("pthread_create");
	}
	printf("port %d\n", port);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	_exit(0); /* exit would write what a thread is just writing once more */
}

static void dial(const char *address, int port, struct header h)
{
	struct end e = {.role = "client"};
	struct sockaddr_storage sa;
	socklen_t len;
	int fd = socket(resolve(address, port, &sa, &len), SOCK_STREAM, 0);
	struct header wire = {htonl(h.send), htonl(h.reply), htonl(h.closer)};
	struct linger abort_it = {1, 0};
	long long begin = now();
	char c;

	if (connect(fd, (void *)&sa, len))
		e.error = strerror(errno);
	e.connect_ns = now() - begin;
	describe(fd, &e);
	if (e.error) {
		end(fd, &e);
		return;
	}
	begin = now();
	if (write(fd, &wire, sizeof(wire)) != sizeof(wire))
		fail("write");
	e.tx = sizeof(wire) + h.send;
	e.rx = h.reply;
	send_file(fd, h.send);
	take(fd, h.reply);
	if (h.closer == SERVER)
		(void)!read(fd, &c, 1);
	e.ns = now() - begin;
	if (h.closer == RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
	end(fd, &e);
}

int main(int argc, char **argv)
{
	char closer[16];
	struct header h;

	if (argc >= 5 && !strcmp(argv[1], "listen")) {
		listen_all(argv[2], atoi(argv[3]), atoi(argv[4]), argc > 5);
		return 0;
	}
	if (argc != 4 || strcmp(argv[1], "dial"))
		return 2;
	puts("ready");
	fflush(stdout);
	while (scanf("%u %u %15s", &h.send, &h.reply, closer) == 3) {
		h.closer = !strcmp(closer, "server") ? SERVER : !strcmp(closer, "reset") ? RESET : CLIENT;
		dial(argv[2], atoi(argv[3]), h);
	}
	return 0;
}
