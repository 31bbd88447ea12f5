// A load generator for echo servers: one thread, one epoll descriptor, one request at a time on each connection.
//
//	load [-m echo|churn|idle] [-n connections] [-s seconds] [-w seconds] [-t seconds] [-b bytes] [-a addresses] port[:pid] ...
//
// echo opens n connections, and on each sends and waits for the answer, again and again. churn opens, sends, receives and
// closes, n at a time. Several servers take turns of -t seconds, each with n connections of its own, until each has had -s
// seconds. What happens in the first -w seconds of each turn does not count: a server that was asleep wakes up meanwhile. A
// turn ends when all that was sent is answered, so that a server whose turn it is not has nothing to do. idle opens n
// connections to one server, has each answered once, says "ready", and holds them until its standard input ends.
//
// It prints, a line for each server: port, requests, seconds, errors, answered (the requests that do not count, too), and
// the processor time that the process pid and its descendants used meanwhile; or port and 0 where that server failed.
// Connections come from -a addresses, 127.0.0.2 and on, so that there are ports for all of them.
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 512, WINDOW = 128, MOST = 64 << 10 };

struct connection {
	int fd, left; // bytes of the answer that are missing
	char connecting;
};

static struct connection *conns;
static char payload[MOST], answer[MOST];
static int n = 64, size = 64, addresses = 8, port, ep, opened, churn, resting;
static long requests, errors, next_address;

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

static void request(struct connection *c) {
	if (churn)
		dial(c);
	else if (send(c->fd, payload, size, MSG_NOSIGNAL) != size)
		failed(c);
}

static void rest(struct connection *c) {
	resting++;
	if (churn)
		close(c->fd);
}

static void again(struct connection *c) {
	if (churn)
		close(c->fd);
	request(c);
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

// A target is a server, and the child of this process that makes its requests: on a byte in go it has a turn, and says so in
// done when that is over. A child for each, because the hard limit of descriptors is one process's.
struct target {
	int port, pid, go, done;
	pid_t child;
};

// drain waits for what is still to be answered.
static void drain(void) {
	for (double deadline = now() + 20; resting < n;) {
		turn(rest);
		if (now() > deadline) {
			fprintf(stderr, "load: no answer in 20 seconds\n");
			exit(1);
		}
	}
}

// serve has the turns of one target, until go ends.
static void serve(struct target *t, double warm, double length) {
	double seconds = 0, cpu = 0;
	long counted = 0, answered = 0, wrong = 0;
	port = t->port;
	if ((ep = epoll_create1(0)) < 0)
		die("epoll_create1");
	if (!churn)
		open_all();
	for (char c = 'd'; write(t->done, &c, 1) == 1 && read(t->go, &c, 1) == 1;) {
		resting = 0;
		for (int i = 0; i < n; i++)
			request(&conns[i]);
		for (double end = now() + warm; now() < end;)
			turn(again);
		answered += requests;
		requests = errors = 0;
		double before = t->pid ? used(t->pid) : 0, began = now(), time;
		while ((time = now()) < began + length)
			turn(again);
		cpu += t->pid ? used(t->pid) - before : 0;
		seconds += time - began;
		counted += requests;
		wrong += errors;
		drain();
	}
	printf("%d %ld %.6f %ld %ld %.6f\n", t->port, counted, seconds, wrong, answered + requests, cpu);
	fflush(stdout);
	_exit(0);
}

static void begin(struct target *targets, int i, double warm, double length) {
	struct target *t = &targets[i];
	int go[2], done[2];
	if (pipe(go) < 0 || pipe(done) < 0 || (t->child = fork()) < 0)
		die("load");
	if (t->child == 0) {
		for (int k = 0; k < i; k++) { // or their children would not see the end of go
			close(targets[k].go);
			close(targets[k].done);
		}
		close(go[1]);
		close(done[0]);
		t->go = go[0];
		t->done = done[1];
		serve(t, warm, length);
	}
	close(go[0]);
	close(done[1]);
	t->go = go[1];
	t->done = done[0];
}

// a_turn is 0 where the target is gone.
static int a_turn(struct target *t) {
	char c = 't';
	return t->done >= 0 && write(t->go, &c, 1) == 1 && read(t->done, &c, 1) == 1;
}

int main(int argc, char **argv) {
	const char *mode = "echo";
	double seconds = 2, warm = 0.1, length = 0.3;
	int option;
	if (argc == 2 && !strcmp(argv[1], "up"))
		return up();
	while ((option = getopt(argc, argv, "m:n:s:w:t:b:a:")) != -1) {
		switch (option) {
		case 'm': mode = optarg; break;
		case 'n': n = atoi(optarg); break;
		case 's': seconds = atof(optarg); break;
		case 'w': warm = atof(optarg); break;
		case 't': length = atof(optarg); break;
		case 'b': size = atoi(optarg); break;
		case 'a': addresses = atoi(optarg); break;
		default: return 2;
		}
	}
	int count = argc - optind;
	churn = !strcmp(mode, "churn");
	if (count < 1 || n < 1 || length <= 0 || size < 1 || size > MOST || addresses < 1) {
		fprintf(stderr, "load [-m echo|churn|idle] [-n connections] [-s seconds] [-w seconds] [-t seconds] [-b bytes] [-a addresses] port[:pid] ...\n");
		return 2;
	}
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	memset(payload, 'x', sizeof payload);
	conns = calloc(n, sizeof *conns);
	struct target *targets = calloc(count, sizeof *targets);
	if (!conns || !targets)
		die("load");
	if (!strcmp(mode, "idle")) {
		port = atoi(argv[optind]);
		if ((ep = epoll_create1(0)) < 0)
			die("epoll_create1");
		return hold();
	}
	for (int i = 0; i < count; i++) {
		struct target *t = &targets[i];
		char c;
		if (sscanf(argv[optind + i], "%d:%d", &t->port, &t->pid) < 1)
			return 2;
		begin(targets, i, warm, length);
		if (read(t->done, &c, 1) != 1)
			t->done = -1;
	}
	for (double t = 0; t < seconds; t += length)
		for (int i = 0; i < count; i++)
			a_turn(&targets[i]);
	for (int i = 0; i < count; i++) {
		int status;
		close(targets[i].go);
		if (waitpid(targets[i].child, &status, 0) < 0 || status)
			printf("%d 0\n", targets[i].port);
	}
	return 0;
}
