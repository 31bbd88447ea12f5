// One flow that waits with select(2).
#include "echo.h"
#include <sys/select.h>

int main(void) {
	static char buf[SIZE];
	int listener = listen_local(SOCK_NONBLOCK), top = listener;
	fd_set all;
	FD_ZERO(&all);
	FD_SET(listener, &all);
	for (;;) {
		fd_set ready = all;
		int n = select(top + 1, &ready, NULL, NULL, NULL);
		if (n < 0 && errno != EINTR)
			die("select");
		for (int fd = 0; n > 0 && fd <= top; fd++) {
			if (!FD_ISSET(fd, &ready))
				continue;
			n--;
			if (fd != listener) {
				if (!echo_ready(fd, buf)) {
					FD_CLR(fd, &all);
					close(fd);
				}
				continue;
			}
			int fresh;
			while ((fresh = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
				if (fresh >= FD_SETSIZE) {
					close(fresh);
					continue;
				}
				FD_SET(fresh, &all);
				if (fresh > top)
					top = fresh;
			}
		}
	}
}
