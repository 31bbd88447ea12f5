// What the echo servers share: a listening socket, and the end of the program when something is wrong.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 16 << 10, BACKLOG = 4096 };

static inline void die(const char *what) {
	perror(what);
	exit(1);
}

// listen_local listens on a free port of 127.0.0.1, and prints it when the server is about to begin.
static inline int listen_local(int flags) {
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0), on = 1;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 || bind(fd, (void *)&a, size) < 0 ||
	    listen(fd, BACKLOG) < 0 || getsockname(fd, (void *)&a, &size) < 0)
		die("listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static inline int accept_one(int listener) {
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd >= 0)
			return fd;
		if (errno != EINTR && errno != ECONNABORTED)
			die("accept");
	}
}

// send_all sends on a blocking socket; 0 is a connection that has failed.
static inline int send_all(int fd, const char *buf, ssize_t n) {
	while (n > 0) {
		ssize_t sent = send(fd, buf, n, 0);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return 0;
		buf += sent, n -= sent;
	}
	return 1;
}

// serve is the straight line: one connection to its end.
static inline void serve(int fd) {
	char buf[SIZE];
	for (;;) {
		ssize_t n = recv(fd, buf, sizeof buf, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !send_all(fd, buf, n))
			break;
	}
	close(fd);
}

// echo_ready is a turn of an event loop: what is there is received once and sent back. 0 is the end of the connection.
// A peer that does not read what it asked for ends it, too: the load generator always does.
static inline int echo_ready(int fd, char *buf) {
	ssize_t n = recv(fd, buf, SIZE, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	return n > 0 && send(fd, buf, n, 0) == n;
}
