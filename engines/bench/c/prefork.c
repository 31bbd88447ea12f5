// n processes, started ahead, that share the listener. Each sleeps in accept and serves one connection at a time.
#include "echo.h"
#include <sys/prctl.h>

int main(int argc, char **argv) {
	int n = argc > 1 ? atoi(argv[1]) : 4, listener = listen_local(0);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				serve(accept_one(listener));
		}
	}
	for (;;)
		pause();
}
