// A thread for each connection.
#include "echo.h"
#include <pthread.h>

static void *line(void *fd) {
	serve((int)(long)fd);
	return NULL;
}

int main(void) {
	int listener = listen_local(0);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (;;) {
		pthread_t t;
		long fd = accept_one(listener);
		if ((errno = pthread_create(&t, &attr, line, (void *)fd)))
			die("pthread_create");
	}
}
