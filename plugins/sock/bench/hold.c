// hold PAIRS PORT: makes so many connections over loopback, holds both ends of each, says "ready", and ends with its
// standard input. Client ends use other 127/8 addresses, so that ports last.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what) { perror(what); exit(1); }

int main(int argc, char **argv) {
	int pairs = atoi(argv[1]), port = atoi(argv[2]), one = 1;
	struct rlimit lim;
	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int ln = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(ln, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(ln, (struct sockaddr *)&to, sizeof to) || listen(ln, 4096)) die("listen");
	for (int i = 0; i < pairs; i++) {
		int c = socket(AF_INET, SOCK_STREAM, 0);
		if (c < 0) die("socket");
		struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002 + i / 20000)};
		setsockopt(c, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
		if (bind(c, (struct sockaddr *)&from, sizeof from)) die("bind");
		if (connect(c, (struct sockaddr *)&to, sizeof to)) die("connect");
		if (accept(ln, NULL, NULL) < 0) die("accept");
	}
	puts("ready");
	fflush(stdout);
	char b;
	while (read(0, &b, 1) > 0);
	return 0;
}
