// open N ADDR PORT PROCESSES: opens N connections over so many processes and says how many seconds that took, from the start of
// the first process to the last connection. It does nothing else: non-blocking connects in a window of 256, 10,000 connections
// for each source address of 127/8. Then it resets them all.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static double now(void) {
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void die(const char *what) {
	perror(what);
	exit(1);
}

static struct sockaddr_in to;

// begin begins connection number n; 1 is that it is there already.
static int begin(int n, int *fd) {
	struct sockaddr_in from = {.sin_family = AF_INET};
	int one = 1, source = n / 10000 + 1;
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0) die("socket");
	setsockopt(*fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	from.sin_addr.s_addr = htonl(0x7f020000 + source);
	if (bind(*fd, (struct sockaddr *)&from, sizeof from)) die("bind");
	if (!connect(*fd, (struct sockaddr *)&to, sizeof to)) return 1;
	if (errno != EINPROGRESS) die("connect");
	if (!connect(*fd, (struct sockaddr *)&to, sizeof to)) return 1; // on loopback the answer has come already
	if (errno != EALREADY) die("connect");
	return 0;
}

static void work(int first, int n, int window, int report) {
	int *fds = malloc(n * sizeof *fds);
	struct epoll_event events[256];
	int ep = epoll_create1(0), flying = 0, begun = 0, open = 0;
	while (open < n) {
		while (begun < n && flying < window) {
			if (begin(first + begun, &fds[begun])) {
				open++;
			} else {
				struct epoll_event ev = {.events = EPOLLOUT, .data.u32 = begun};
				if (epoll_ctl(ep, EPOLL_CTL_ADD, fds[begun], &ev)) die("epoll_ctl");
				flying++;
			}
			begun++;
		}
		int k = flying ? epoll_wait(ep, events, 256, -1) : 0;
		for (int i = 0; i < k; i++) {
			int fd = fds[events[i].data.u32], e = 0;
			socklen_t size = sizeof e;
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &size);
			if (e) {
				errno = e;
				die("connect");
			}
			epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
			flying--;
			open++;
		}
	}
	double done = now();
	if (write(report, &done, sizeof done) != sizeof done) die("write");
	struct linger reset = {1, 0};
	for (int i = 0; i < n; i++) {
		setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(fds[i]);
	}
}

int main(int argc, char **argv) {
	if (argc != 5) return 2;
	int n = atoi(argv[1]), processes = atoi(argv[4]), report[2];
	to.sin_family = AF_INET;
	to.sin_port = htons(atoi(argv[3]));
	inet_pton(AF_INET, argv[2], &to.sin_addr);
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (pipe(report)) die("pipe");
	double began = now(), last = began;
	int each = (n + processes - 1) / processes, at_once = sysconf(_SC_NPROCESSORS_ONLN);
	if (at_once > processes) at_once = processes;
	for (int i = 0; i < processes; i++) {
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			int first = i * each;
			work(first, first + each > n ? n - first : each, 256 / at_once, report[1]);
			exit(0);
		}
	}
	for (int i = 0; i < processes; i++) {
		double done;
		if (read(report[0], &done, sizeof done) != sizeof done) die("read");
		if (done > last) last = done;
	}
	printf("%.4f\n", last - began);
	fflush(stdout);
	for (int i = 0; i < processes; i++) {
		int status;
		wait(&status);
		if (status) return 1;
	}
	return 0;
}
