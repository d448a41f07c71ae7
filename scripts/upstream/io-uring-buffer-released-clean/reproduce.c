// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does memory keep what io_uring has read into a registered buffer?
 *
 * usage: reproduce
 *
 * Pages that are clean are registered as a buffer, a file is read into it by READ_FIXED, and the
 * buffer is unregistered. Then MADV_PAGEOUT reclaims the pages, as memory pressure would. The
 * same with read() comes first. Needs no privilege; swap for one of the ways to be clean.
 */
#include "../reproduce.h"

enum { PAGES = 16, LEN = PAGES * PAGE };

static char data[LEN];

/* A ring of one entry. */
struct ring {
	int fd;
	char *sq, *cq;
	struct io_uring_sqe *sqe;
	struct io_uring_params p;
};

static void *map_ring(const struct ring *ring, size_t len, off_t at)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, at);

	need(map != MAP_FAILED, "mmap of io_uring");
	return map;
}

static void open_ring(struct ring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, 1, &ring->p);
	need(ring->fd >= 0, "io_uring_setup");
	ring->sq = map_ring(ring, ring->p.sq_off.array + sizeof(uint32_t), IORING_OFF_SQ_RING);
	ring->cq = map_ring(ring, ring->p.cq_off.cqes + 2 * sizeof(struct io_uring_cqe),
			    IORING_OFF_CQ_RING);
	ring->sqe = map_ring(ring, sizeof(*ring->sqe), IORING_OFF_SQES);
}

static void read_fixed(struct ring *ring, int file, void *to)
{
	struct io_uring_cqe *cqe = (void *)(ring->cq + ring->p.cq_off.cqes);

	*ring->sqe = (struct io_uring_sqe) {
		.opcode = IORING_OP_READ_FIXED, .fd = file, .addr = (uintptr_t)to, .len = LEN,
	};
	*(uint32_t *)(ring->sq + ring->p.sq_off.array) = 0;
	++*(volatile uint32_t *)(ring->sq + ring->p.sq_off.tail);
	need(syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1,
	     "io_uring_enter");
	errno = -cqe->res;
	need(cqe->res == LEN, "READ_FIXED");
}

/* What the file has comes to the memory, which is released then. */
static void by_uring(int file, void *to)
{
	const struct iovec iov = { to, LEN };
	struct ring ring;

	open_ring(&ring);
	need(!syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &iov, 1),
	     "IORING_REGISTER_BUFFERS");
	read_fixed(&ring, file, to);
	need(!syscall(SYS_io_uring_register, ring.fd, IORING_UNREGISTER_BUFFERS, NULL, 0),
	     "IORING_UNREGISTER_BUFFERS");
	close(ring.fd);
}

static void by_read(int file, void *to)
{
	need(pread(file, to, LEN, 0) == LEN, "read");
}

static int advise(void *addr, int advice)
{
	return madvise(addr, LEN, advice);
}

static void touch(volatile char *addr)
{
	size_t i;

	for (i = 0; i < LEN; i += PAGE)
		(void)addr[i];
}

/* An allocator has given it up, and gives it to somebody again. */
static bool free_it(char *addr)
{
	memset(addr, 'o', LEN);
	return !advise(addr, MADV_FREE);
}

/* It was swapped out, and is read again: the swap space still has it, too. */
static bool swap_it(char *addr)
{
	FILE *swaps = fopen("/proc/swaps", "re");
	char line[200];
	bool any;

	need(swaps && fgets(line, sizeof(line), swaps), "/proc/swaps");
	any = fgets(line, sizeof(line), swaps);
	fclose(swaps);
	if (!any)
		return false;
	memset(addr, 'o', LEN);
	advise(addr, MADV_PAGEOUT);
	touch(addr);
	return true;
}

/* As MAP_POPULATE does, which reads. */
static bool read_it(char *addr)
{
	touch(addr);
	return true;
}

static const struct {
	const char *name;
	int flags;
	bool (*clean)(char *addr);
} ways[] = {
	{ "anonymous memory after MADV_FREE", MAP_PRIVATE, free_it },
	{ "anonymous memory that was swapped in for reading", MAP_PRIVATE, swap_it },
	{ "shared memory that was read", MAP_SHARED, read_it },
};

/* How many pages do not have what was read from the file? */
static int lost(unsigned int way, int file, void (*get)(int file, void *to))
{
	char *addr = mmap(NULL, LEN, PROT_READ | PROT_WRITE, ways[way].flags | MAP_ANONYMOUS,
			  -1, 0);
	int nr;

	need(addr != MAP_FAILED, "mmap");
	if (!ways[way].clean(addr))
		return -1;
	get(file, addr);
	need(!memcmp(addr, data, LEN), "what is read");
	nr = lost_pages(addr, data, PAGES);
	munmap(addr, LEN);
	return nr;
}

int main(void)
{
	int file = memfd_create("reproduce", MFD_CLOEXEC), nr, control, all = 0;
	unsigned int way;

	need(file >= 0, "memfd_create");
	memset(data, 'n', LEN);
	need(write(file, data, LEN) == LEN, "write");
	for (way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
		control = lost(way, file, by_read);
		nr = lost(way, file, by_uring);
		if (nr < 0)
			printf("%s: cannot be tried\n", ways[way].name);
		else
			printf("%s: %d of %d pages are lost after READ_FIXED, %d after read()\n",
			       ways[way].name, nr, PAGES, control);
		errno = 0;
		need(control <= 0, "read() loses something, too");
		all += nr > 0;
	}
	if (all)
		conclude(BUG, "what io_uring has read into a buffer is lost in %d ways", all);
	conclude(NO_BUG, "nothing is lost");
}
