// A process for each connection, by fork.
#include "echo.h"
#include <sys/wait.h>

static void reap(int signal) {
	(void)signal;
	int saved = errno;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = saved;
}

int main(void) {
	int listener = listen_local(0);
	struct sigaction act = {.sa_handler = reap, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
	sigaction(SIGCHLD, &act, NULL);
	for (;;) {
		int fd = accept_one(listener);
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0) {
			close(listener);
			serve(fd);
			_exit(0);
		}
		close(fd);
	}
}
