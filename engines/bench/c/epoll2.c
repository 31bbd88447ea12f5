// Two threads, each with an epoll descriptor of its own; they share the listener (EPOLLEXCLUSIVE).
#include "echo.h"
#include <pthread.h>
#include <sys/epoll.h>

enum { BATCH = 512 };
static int listener;

static void *loop(void *unused) {
	static __thread char buf[SIZE];
	static __thread struct epoll_event events[BATCH];
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = listener};
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		int n = epoll_wait(ep, events, BATCH, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd != listener) {
				if (!echo_ready(fd, buf))
					close(fd);
				continue;
			}
			// One at a time, so that the other thread has its share.
			if ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
				ev = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
				epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
			}
		}
	}
	return unused;
}

int main(void) {
	pthread_t other;
	listener = listen_local(SOCK_NONBLOCK);
	if ((errno = pthread_create(&other, NULL, loop, NULL)))
		die("pthread_create");
	loop(NULL);
}
