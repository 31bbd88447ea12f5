// One flow that waits with poll(2).
#include "echo.h"
#include <poll.h>

int main(void) {
	static char buf[SIZE];
	int listener = listen_local(SOCK_NONBLOCK), used = 1, room = 1024;
	struct pollfd *list = malloc(room * sizeof *list);
	list[0] = (struct pollfd){listener, POLLIN, 0};
	for (;;) {
		int n = poll(list, used, -1);
		if (n < 0 && errno != EINTR)
			die("poll");
		int listening = n > 0 && list[0].revents;
		if (listening)
			n--;
		for (int i = 1; n > 0 && i < used; i++) {
			if (!list[i].revents)
				continue;
			n--;
			if (!echo_ready(list[i].fd, buf)) {
				close(list[i].fd);
				list[i--] = list[--used]; // whose turn has not come yet
			}
		}
		int fresh;
		while (listening && (fresh = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
			if (used == room && !(list = realloc(list, (room *= 2) * sizeof *list)))
				die("realloc");
			list[used++] = (struct pollfd){fresh, POLLIN, 0};
		}
	}
}
