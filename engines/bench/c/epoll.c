// One flow that waits with epoll(7), level-triggered or (argument "edge") edge-triggered.
#include "echo.h"
#include <sys/epoll.h>

enum { BATCH = 512 };

// echo_all is echo_ready until there is nothing more, of which the kernel would not tell again.
static int echo_all(int fd, char *buf) {
	ssize_t n;
	while ((n = recv(fd, buf, SIZE, 0)) > 0)
		if (send(fd, buf, n, 0) != n)
			return 0;
	return n < 0 && errno == EAGAIN;
}

int main(int argc, char **argv) {
	static char buf[SIZE];
	static struct epoll_event events[BATCH];
	int edge = argc > 1 && !strcmp(argv[1], "edge");
	int listener = listen_local(SOCK_NONBLOCK), ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener};
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		int n = epoll_wait(ep, events, BATCH, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd, fresh;
			if (fd != listener) {
				if (!(edge ? echo_all : echo_ready)(fd, buf))
					close(fd);
				continue;
			}
			while ((fresh = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
				ev = (struct epoll_event){.events = EPOLLIN | (edge ? EPOLLET : 0), .data.fd = fresh};
				epoll_ctl(ep, EPOLL_CTL_ADD, fresh, &ev);
			}
		}
	}
}
