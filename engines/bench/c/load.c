// A load generator for echo servers: one thread, one epoll descriptor, one request at a time on each connection.
//
//	load [-m echo|churn|idle] [-n connections] [-s seconds] [-w seconds] [-b bytes] [-a addresses] [-p pid] port
//
// echo opens n connections, and on each sends and waits for the answer, again and again. churn opens, sends, receives and
// closes, n at a time. Both count what ends within -s seconds, after -w seconds that do not count. idle opens n
// connections, has each answered once, says "ready", and holds them until its standard input ends.
//
// It prints requests, seconds, errors and answered (the requests that do not count, too), and for -p the processor time that the process pid and its descendants used
// meanwhile; each is a name and a number on a line of its own. Connections come from -a addresses, 127.0.0.2 and on, so
// that there are ports for all of them.
//
// "load up" brings the loopback interface of a new network namespace up, which takes a privilege there.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 512, WINDOW = 128, MOST = 64 << 10 };

struct connection {
	int fd, left; // bytes of the answer that are missing
	char connecting;
};

static struct connection *conns;
static char payload[MOST], answer[MOST];
static int n = 64, size = 64, addresses = 8, port, ep, opened, churn;
static long requests, answered, errors, next_address;

static void die(const char *what) {
	perror(what);
	exit(1);
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

// used is the processor time of a process and its descendants. That of the living is read from their clocks, to the
// nanosecond; that of children which have ended and were waited for the kernel gives in ticks.
static double used(int pid) {
	struct timespec t;
	double sum = 0;
	if (clock_gettime((clockid_t)(~(unsigned)pid << 3 | 2), &t) == 0)
		sum = t.tv_sec + t.tv_nsec / 1e9;
	char path[64], line[1024], *end;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	unsigned long cutime, cstime;
	if (f && fgets(line, sizeof line, f) && (end = strrchr(line, ')')) &&
	    sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu", &cutime, &cstime) == 2)
		sum += (cutime + cstime) / (double)sysconf(_SC_CLK_TCK);
	if (f)
		fclose(f);
	// A thread's children are its own.
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *tasks = opendir(path);
	for (struct dirent *d; tasks && (d = readdir(tasks));) {
		int child;
		snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", pid, d->d_name);
		if (d->d_name[0] == '.' || !(f = fopen(path, "r")))
			continue;
		while (fscanf(f, "%d", &child) == 1)
			sum += used(child);
		fclose(f);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

static void dial(struct connection *c) {
	int on = 1;
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + next_address++ % addresses)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(c->fd, (void *)&from, sizeof from) < 0)
		die("bind");
	if (connect(c->fd, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS)
		die("connect");
	c->left = size;
	// On loopback the handshake is most often done by now.
	c->connecting = send(c->fd, payload, size, MSG_NOSIGNAL) != size;
	struct epoll_event ev = {.events = c->connecting ? EPOLLOUT : EPOLLIN, .data.ptr = c};
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("epoll_ctl");
}

static void failed(struct connection *c) {
	errors++;
	close(c->fd);
	if (errors > 10 * (long)n + 1000) {
		fprintf(stderr, "load: too many errors\n");
		exit(1);
	}
	dial(c);
}

// ready goes on with one connection; 1 is an answer that is complete.
static int ready(struct connection *c) {
	if (c->connecting) {
		if (send(c->fd, payload, size, MSG_NOSIGNAL) != size) {
			failed(c);
			return 0;
		}
		c->connecting = 0;
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
		epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
		return 0;
	}
	ssize_t got = recv(c->fd, answer, c->left, 0);
	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0) {
		failed(c);
		return 0;
	}
	if (c->left -= got)
		return 0;
	requests++;
	c->left = size;
	return 1;
}

static void again(struct connection *c) {
	if (churn) {
		close(c->fd);
		dial(c);
	} else if (send(c->fd, payload, size, MSG_NOSIGNAL) != size)
		failed(c);
}

// turn waits once, and goes on with whatever is ready.
static void turn(void (*next)(struct connection *)) {
	static struct epoll_event events[BATCH];
	int k = epoll_wait(ep, events, BATCH, 1000);
	for (int i = 0; i < k; i++) {
		struct connection *c = events[i].data.ptr;
		if (ready(c) && next)
			next(c);
	}
}

// open_all opens the connections, a few at a time, and waits until each was answered once.
static void open_all(void) {
	double deadline = now() + 60;
	while (requests < n) {
		for (; opened < n && opened - requests < WINDOW; opened++)
			dial(&conns[opened]);
		turn(NULL);
		if (now() > deadline) {
			fprintf(stderr, "load: %ld of %d connections were answered in a minute\n", requests, n);
			exit(1);
		}
	}
}

static int up(void) {
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		die("lo");
	r.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		die("lo");
	return 0;
}

static int hold(void) {
	open_all();
	printf("ready\n");
	fflush(stdout);
	for (char c; read(0, &c, 1) > 0;)
		;
	return 0;
}

int main(int argc, char **argv) {
	const char *mode = "echo";
	double seconds = 2, warm = 0.3;
	int pid = 0, option;
	if (argc == 2 && !strcmp(argv[1], "up"))
		return up();
	while ((option = getopt(argc, argv, "m:n:s:w:b:a:p:")) != -1) {
		switch (option) {
		case 'm': mode = optarg; break;
		case 'n': n = atoi(optarg); break;
		case 's': seconds = atof(optarg); break;
		case 'w': warm = atof(optarg); break;
		case 'b': size = atoi(optarg); break;
		case 'a': addresses = atoi(optarg); break;
		case 'p': pid = atoi(optarg); break;
		default: return 2;
		}
	}
	churn = !strcmp(mode, "churn");
	if (optind != argc - 1 || n < 1 || size < 1 || size > MOST || addresses < 1) {
		fprintf(stderr, "load [-m echo|churn|idle] [-n connections] [-s seconds] [-w seconds] [-b bytes] [-a addresses] [-p pid] port\n");
		return 2;
	}
	port = atoi(argv[optind]);
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	memset(payload, 'x', sizeof payload);
	conns = calloc(n, sizeof *conns);
	ep = epoll_create1(0);
	if (!conns || ep < 0)
		die("load");
	if (!strcmp(mode, "idle"))
		return hold();
	if (churn)
		for (; opened < n; opened++)
			dial(&conns[opened]);
	else {
		open_all();
		for (int i = 0; i < n; i++)
			again(&conns[i]);
	}
	for (double end = now() + warm; now() < end;)
		turn(again);
	answered = requests;
	requests = errors = 0;
	double cpu = pid ? used(pid) : 0, began = now(), end = began + seconds, t;
	while ((t = now()) < end)
		turn(again);
	printf("requests %ld\nseconds %.6f\nerrors %ld\nanswered %ld\n", requests, t - began, errors, answered + requests);
	if (pid)
		printf("cpu %.6f\n", used(pid) - cpu);
	return 0;
}
