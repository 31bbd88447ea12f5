// n threads that take accepted connections from a queue, and stay with each to its end.
#include "echo.h"
#include <pthread.h>

enum { QUEUE = 128 };
static int queue[QUEUE], head, count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, taken = PTHREAD_COND_INITIALIZER;

static void *worker(void *unused) {
	for (;;) {
		pthread_mutex_lock(&lock);
		while (count == 0)
			pthread_cond_wait(&filled, &lock);
		int fd = queue[head];
		head = (head + 1) % QUEUE, count--;
		pthread_cond_signal(&taken);
		pthread_mutex_unlock(&lock);
		serve(fd);
	}
	return unused;
}

int main(int argc, char **argv) {
	int n = argc > 1 ? atoi(argv[1]) : 8, listener = listen_local(0);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (int i = 0; i < n; i++) {
		pthread_t t;
		if ((errno = pthread_create(&t, &attr, worker, NULL)))
			die("pthread_create");
	}
	for (;;) {
		int fd = accept_one(listener);
		pthread_mutex_lock(&lock);
		while (count == QUEUE)
			pthread_cond_wait(&taken, &lock);
		queue[(head + count++) % QUEUE] = fd;
		pthread_cond_signal(&filled);
		pthread_mutex_unlock(&lock);
	}
}
