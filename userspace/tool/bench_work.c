// SPDX-License-Identifier: GPL-2.0-only
/*
 * The works of the module that pinscope bench measures.
 */
#include <errno.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../module/gup_test_abi.h"
#include "bench.h"

/* One page a call needs no more calls than this. */
enum { SINGLE_CALLS = 256 };

size_t bench_calls(const struct bench *b)
{
	size_t nr = b->len / b->base / b->row->batch;

	return b->row->batch == 1 && nr > SINGLE_CALLS ? SINGLE_CALLS : nr;
}

static size_t units(const struct bench *b)
{
	size_t nr = bench_calls(b);

	return b->row->unit == PER_PAGE ? nr * b->row->batch : nr;
}

int bench_pin(struct bench *b)
{
	size_t nr = bench_calls(b), len = b->row->batch * b->base, i;
	struct pinscope_pin cmd = {
		.call = b->row->call, .gup_flags = b->row->gup_flags, .len = len,
	};
	int ret = 0;

	b->gup_ns = 0;
	for (i = 0; i < nr && !ret; i++) {
		cmd.addr = pinscope_addr(b->m.addr) + i * len;
		ret = pinscope_pin_cmd(b->fd, &cmd);
		if (ret)
			break;
		b->ids[b->nr_ids++] = cmd.id;
		b->gup_ns += cmd.elapsed_ns;
	}
	if (ret)
		bench_unpin(b);
	return ret;
}

int bench_unpin(struct bench *b)
{
	int ret = 0, err;
	size_t i;

	for (i = 0; i < b->nr_ids; i++) {
		err = pinscope_unpin(b->fd, b->ids[i]);
		ret = ret ? ret : err;
	}
	b->nr_ids = 0;
	return ret;
}

int work_pin(struct bench *b)
{
	int ret;

	b->units = units(b);
	bench_start(b);
	ret = bench_pin(b);
	bench_stop(b);
	return ret ? ret : bench_unpin(b);
}

int work_unpin(struct bench *b)
{
	int ret = bench_pin(b);

	if (ret)
		return ret;
	b->units = units(b);
	bench_start(b);
	ret = bench_unpin(b);
	bench_stop(b);
	return ret;
}

/* Runs a work while the module tracks pins. */
static int tracked(struct bench *b, int (*work)(struct bench *b))
{
	int ret = pinscope_track(b->fd, PINSCOPE_TRACK_START, 0, 0, NULL);

	if (ret)
		return ret;
	ret = work(b);
	pinscope_track(b->fd, PINSCOPE_TRACK_STOP, 0, 0, NULL);
	pinscope_track(b->fd, PINSCOPE_TRACK_CLEAR, 0, 0, NULL);
	return ret;
}

int work_pin_tracked(struct bench *b)
{
	return tracked(b, work_pin);
}

int work_unpin_tracked(struct bench *b)
{
	return tracked(b, work_unpin);
}

/* As the library does it, without the growth of its array. */
int work_inspect(struct bench *b)
{
	struct pinscope_inspect cmd = {
		.size = sizeof(cmd), .record_size = sizeof(*b->records),
		.addr = pinscope_addr(b->m.addr), .len = b->len,
		.records = pinscope_addr(b->records),
	};
	int ret;

	b->units = b->row->unit == PER_PAGE ? b->len / b->base : 1;
	bench_start(b);
	do {
		cmd.nr = b->row->memory->pages;
		ret = pinscope_ioctl(b->fd, PINSCOPE_IOC_INSPECT, &cmd);
		cmd.len -= cmd.next - cmd.addr;
		cmd.addr = cmd.next;
	} while (!ret && cmd.len);
	bench_stop(b);
	return ret;
}

static int copy(struct bench *b, bool to_pin)
{
	uint32_t id;
	int ret = pinscope_pin(b->fd, b->row->call, b->row->gup_flags, b->m.addr,
			       BENCH_BUFFER, &id);

	if (ret)
		return ret;
	b->units = BENCH_BUFFER / b->base;
	bench_start(b);
	ret = to_pin ? pinscope_write(b->fd, id, 0, b->buffer, BENCH_BUFFER) :
		       pinscope_read(b->fd, id, 0, b->buffer, BENCH_BUFFER);
	bench_stop(b);
	pinscope_unpin(b->fd, id);
	return ret;
}

int work_read(struct bench *b)
{
	return copy(b, false);
}

int work_write(struct bench *b)
{
	return copy(b, true);
}

int work_compare(struct bench *b)
{
	struct pinscope_compare result = {};
	uint32_t id;
	int ret = pinscope_pin(b->fd, b->row->call, b->row->gup_flags, b->m.addr, b->len,
			       &id);

	if (ret)
		return ret;
	b->units = b->len / b->base;
	bench_start(b);
	ret = pinscope_compare(b->fd, id, pinscope_self(), pinscope_addr(b->m.addr), &result);
	bench_stop(b);
	pinscope_unpin(b->fd, id);
	return ret;
}

int work_close(struct bench *b)
{
	int fd = pinscope_open(), ret = 0;
	size_t i, pages = b->len / b->base;
	uint32_t id;

	if (fd < 0)
		return fd;
	for (i = 0; i < BENCH_PINS && !ret; i++)
		ret = pinscope_pin(fd, b->row->call, b->row->gup_flags,
				   b->m.addr + i % pages * b->base, b->base, &id);
	b->units = BENCH_PINS;
	bench_start(b);
	close(fd);
	bench_stop(b);
	return ret;
}

/* A fault on each page; of hugetlb on each huge page. */
int work_unshare(struct bench *b)
{
	size_t hugetlb = b->kind.hugetlb_shift ? b->kind.page : 0, at;
	struct pinscope_fault result;
	int ret = 0;

	b->units = b->len / b->base;
	bench_start(b);
	if (!hugetlb)
		ret = pinscope_fault(b->fd, pinscope_self(), pinscope_addr(b->m.addr), b->len,
				     PINSCOPE_FAULT_UNSHARE, NULL, &result);
	for (at = 0; hugetlb && at < b->len && !ret; at += hugetlb)
		ret = pinscope_fault(b->fd, pinscope_self(), pinscope_addr(b->m.addr + at),
				     b->base, PINSCOPE_FAULT_UNSHARE, NULL, &result);
	bench_stop(b);
	return ret;
}

/* The child must not run before fork() has returned. */
int bench_fork(struct bench *b)
{
	const struct sched_param first = { .sched_priority = 1 }, normal = {};
	pid_t child;

	b->units = b->len / b->base;
	sched_setscheduler(0, SCHED_FIFO, &first);
	bench_start(b);
	child = fork();
	if (!child)
		_exit(0);
	bench_stop(b);
	sched_setscheduler(0, SCHED_OTHER, &normal);
	if (child < 0)
		return -errno;
	waitpid(child, NULL, 0);
	return 0;
}

int work_fork(struct bench *b)
{
	int ret = bench_pin(b), err;

	if (ret)
		return ret;
	ret = bench_fork(b);
	err = bench_unpin(b);
	return ret ? ret : err;
}

/* Pins and releases by the interface of CONFIG_GUP_TEST; it tells microseconds. */
int bench_gup_test(struct bench *b, bool unpin)
{
	bool longterm = b->row->gup_flags & PINSCOPE_FOLL_LONGTERM;
	struct gup_test arg = {
		.addr = pinscope_addr(b->m.addr),
		.nr_pages_per_call = b->row->batch,
	};
	unsigned int i;

	/* Several times, for a microsecond to be little. */
	for (i = 0; i < 4; i++) {
		arg.size = bench_calls(b) * b->row->batch * b->base;
		if (ioctl(b->gup_test, b->row->call == PINSCOPE_CALL_PIN_FAST ?
			  PIN_FAST_BENCHMARK : longterm ? PIN_LONGTERM_BENCHMARK :
			  PIN_BASIC_TEST, &arg))
			return -errno;
		b->units += units(b);
		b->ns += 1000 * (unpin ? arg.put_delta_usec : arg.get_delta_usec);
	}
	return 0;
}

/* The kernel's own is no work of the module. */
int work_gup_test_pin(struct bench *b)
{
	return b->gup_test < 0 || b->own_gup_test ? -EOPNOTSUPP : bench_gup_test(b, false);
}

int work_gup_test_unpin(struct bench *b)
{
	return b->gup_test < 0 || b->own_gup_test ? -EOPNOTSUPP : bench_gup_test(b, true);
}
