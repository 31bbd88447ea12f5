// A coroutine for each connection: a straight line on a stack of its own, which switches where it would wait. One thread
// waits with epoll for all of them. The first switch to a coroutine is makecontext's, the others are _setjmp and _longjmp,
// which leave the signal mask alone and so need no system call.
#undef _FORTIFY_SOURCE // whose longjmp takes a switch of stacks for an error
#include "echo.h"
#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { BATCH = 512, STACK = 32 << 10 };

struct coroutine {
	int fd, over;
	jmp_buf here;
	char *stack;
};

static jmp_buf scheduler;
static ucontext_t start;
static struct coroutine *current;

static void wait_readable(void) {
	if (!_setjmp(current->here))
		_longjmp(scheduler, 1);
}

static void line(void) {
	char buf[SIZE];
	for (;;) {
		ssize_t n = recv(current->fd, buf, sizeof buf, 0);
		if (n < 0 && errno == EAGAIN) {
			wait_readable();
			continue;
		}
		if (n <= 0 || send(current->fd, buf, n, 0) != n)
			break;
		wait_readable(); // most likely there is no more; the levels tell if there is
	}
	current->over = 1;
	_longjmp(scheduler, 1);
}

static void resume(struct coroutine *c, int fresh) {
	current = c;
	if (!_setjmp(scheduler)) {
		if (!fresh)
			_longjmp(c->here, 1);
		getcontext(&start);
		start.uc_stack.ss_sp = c->stack, start.uc_stack.ss_size = STACK, start.uc_link = NULL;
		makecontext(&start, line, 0);
		setcontext(&start);
	}
	if (current->over) {
		close(current->fd);
		munmap(current->stack, STACK);
		free(current);
	}
}

int main(void) {
	static struct epoll_event events[BATCH];
	int listener = listen_local(SOCK_NONBLOCK), ep = epoll_create1(0), fd;
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		int n = epoll_wait(ep, events, BATCH, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr) {
				resume(events[i].data.ptr, 0);
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
				struct coroutine *c = calloc(1, sizeof *c);
				c->fd = fd;
				c->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				if (c->stack == MAP_FAILED)
					die("mmap");
				ev = (struct epoll_event){.events = EPOLLIN, .data.ptr = c};
				epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
				resume(c, 1);
			}
		}
	}
}
