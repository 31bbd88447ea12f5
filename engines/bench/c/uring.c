// One flow over io_uring(7), on bare system calls: accept and receive complete again and again (multishot), the kernel
// takes buffers from a ring, sends go in with the next wait.
#include "echo.h"
#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { ENTRIES = 4096, BUFFERS = 1024, BUFFER = 4096 };
enum { ACCEPT = 1, RECV, SEND };

static int ring;
static unsigned *sq_head, *sq_tail, sq_mask, *cq_head, *cq_tail, cq_mask, queued;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static struct io_uring_buf_ring *free_buffers;
static char *buffers;
static unsigned short free_tail;

static void enter(unsigned wait) {
	int n = syscall(__NR_io_uring_enter, ring, queued, wait, IORING_ENTER_GETEVENTS, NULL, 0);
	if (n < 0 && errno != EINTR && errno != EBUSY && errno != EAGAIN)
		die("io_uring_enter");
	if (n > 0)
		queued -= n;
}

static struct io_uring_sqe *submission(uint8_t op, int fd, uint64_t kind, uint64_t buffer) {
	while (*sq_tail - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE) == ENTRIES)
		enter(0);
	struct io_uring_sqe *s = &sqes[*sq_tail & sq_mask];
	memset(s, 0, sizeof *s);
	s->opcode = op, s->fd = fd, s->user_data = kind << 56 | buffer << 32 | (unsigned)fd;
	return s;
}

static void submit(void) {
	__atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
	queued++;
}

static void give(int id) {
	struct io_uring_buf *b = &free_buffers->bufs[free_tail & (BUFFERS - 1)];
	b->addr = (uintptr_t)(buffers + id * BUFFER), b->len = BUFFER, b->bid = id;
	__atomic_store_n(&free_buffers->tail, ++free_tail, __ATOMIC_RELEASE);
}

static void setup(void) {
	struct io_uring_params p = {.cq_entries = 8 * ENTRIES, .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
	if ((ring = syscall(__NR_io_uring_setup, ENTRIES, &p)) < 0)
		die("io_uring_setup");
	size_t size = p.cq_off.cqes + p.cq_entries * sizeof *cqes, order = p.sq_off.array + p.sq_entries * 4;
	if (order > size)
		size = order;
	char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	sqes = mmap(NULL, p.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	free_buffers = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	buffers = mmap(NULL, BUFFERS * BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED || (void *)sqes == MAP_FAILED || (void *)free_buffers == MAP_FAILED || buffers == MAP_FAILED)
		die("mmap");
	sq_head = (void *)(m + p.sq_off.head), sq_tail = (void *)(m + p.sq_off.tail), sq_mask = p.sq_entries - 1;
	cq_head = (void *)(m + p.cq_off.head), cq_tail = (void *)(m + p.cq_off.tail), cq_mask = p.cq_entries - 1;
	cqes = (void *)(m + p.cq_off.cqes);
	for (unsigned i = 0; i < p.sq_entries; i++)
		((unsigned *)(m + p.sq_off.array))[i] = i;
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)free_buffers, .ring_entries = BUFFERS};
	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &reg, 1) < 0)
		die("io_uring_register");
	for (int i = 0; i < BUFFERS; i++)
		give(i);
}

static void receive(int fd) {
	struct io_uring_sqe *s = submission(IORING_OP_RECV, fd, RECV, 0);
	s->ioprio = IORING_RECV_MULTISHOT, s->flags = IOSQE_BUFFER_SELECT;
	submit();
}

static void accept_all(int listener) {
	submission(IORING_OP_ACCEPT, listener, ACCEPT, 0)->ioprio = IORING_ACCEPT_MULTISHOT;
	submit();
}

static void complete(struct io_uring_cqe *c) {
	int fd = (int)c->user_data, again = !(c->flags & IORING_CQE_F_MORE), id = c->flags >> 16;
	switch (c->user_data >> 56) {
	case ACCEPT:
		if (c->res >= 0)
			receive(c->res);
		if (again)
			accept_all(fd);
		return;
	case SEND:
		give(c->user_data >> 32 & 0xffff);
		return;
	}
	if (c->res > 0) {
		struct io_uring_sqe *s = submission(IORING_OP_SEND, fd, SEND, id);
		s->addr = (uintptr_t)(buffers + id * BUFFER), s->len = c->res, s->msg_flags = MSG_WAITALL;
		submit();
	}
	if (c->res > 0 || c->res == -ENOBUFS) {
		if (again)
			receive(fd);
		return;
	}
	if (c->flags & IORING_CQE_F_BUFFER)
		give(id);
	close(fd);
}

int main(void) {
	int listener = listen_local(0);
	setup();
	accept_all(listener);
	for (;;) {
		enter(1);
		unsigned head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
		for (; head != tail; head++)
			complete(&cqes[head & cq_mask]);
		__atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
	}
}
