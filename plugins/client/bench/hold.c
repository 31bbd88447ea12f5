// hold PROCESSES: a server that accepts connections and holds them, in so many processes that share the listener, each an epoll
// loop. It says its port, and ends with its standard input.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void serve(int ln) {
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = ln}, events[512];
	epoll_ctl(ep, EPOLL_CTL_ADD, ln, &ev);
	char buf[4096];
	for (;;) {
		int k = epoll_wait(ep, events, 512, -1);
		for (int i = 0; i < k; i++) {
			int fd = events[i].data.fd;
			if (fd != ln) {
				if (recv(fd, buf, sizeof buf, MSG_DONTWAIT) <= 0) close(fd);
				continue;
			}
			for (int n = 0; n < 64; n++) {
				int c = accept4(ln, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
				if (c < 0) break;
				struct epoll_event in = {.events = EPOLLIN, .data.fd = c};
				epoll_ctl(ep, EPOLL_CTL_ADD, c, &in);
			}
		}
	}
}

int main(int argc, char **argv) {
	if (argc != 2) return 2;
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	int ln = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	if (bind(ln, (struct sockaddr *)&at, size) || listen(ln, 65535)) return 1;
	getsockname(ln, (struct sockaddr *)&at, &size);
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	for (int i = 0; i < atoi(argv[1]); i++) {
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(ln);
		}
	}
	char c;
	while (read(0, &c, 1) > 0) {
	}
	kill(0, SIGTERM);
	return 0;
}
