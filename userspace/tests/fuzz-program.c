// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs: how they are made, changed, printed and read.
 *
 * As text, a call is a line: '@' and the thread unless it is 0, the name of the call, and
 * those of its arguments that are not 0.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

uint64_t fuzz_random(struct maker *m)
{
	m->random ^= m->random >> 12;
	m->random ^= m->random << 25;
	m->random ^= m->random >> 27;
	return m->random * 0x2545f4914f6cdd1d;
}

unsigned int fuzz_below(struct maker *m, unsigned int max)
{
	return max ? (fuzz_random(m) >> 33) % max : 0;
}

unsigned int fuzz_nr_calls(void)
{
	static unsigned int nr;

	while (fuzz_calls[nr].name)
		nr++;
	return nr;
}

static unsigned int call_named(const char *name)
{
	unsigned int i = 0;

	while (i < fuzz_nr_calls() && strcmp(name, fuzz_calls[i].name))
		i++;
	return i;
}

static unsigned int nr_args(const struct op *op)
{
	unsigned int nr = 0;

	while (fuzz_calls[op->call].field[nr].name)
		nr++;
	return nr;
}

static void make_arg(struct maker *m, struct op *op, unsigned int i)
{
	op->arg[i] = fuzz_calls[op->call].field[i].make(m);
}

static void make_op_of(struct maker *m, struct op *op, unsigned int call)
{
	unsigned int i;

	memset(op, 0, sizeof(*op));
	op->call = call;
	for (i = 0; i < nr_args(op); i++)
		make_arg(m, op, i);
}

static void make_op(struct maker *m, struct op *op)
{
	unsigned int i, sum = 0;

	for (i = 0; i < fuzz_nr_calls(); i++)
		sum += fuzz_calls[i].weight;
	sum = fuzz_below(m, sum);
	for (i = 0; sum >= fuzz_calls[i].weight; i++)
		sum -= fuzz_calls[i].weight;
	make_op_of(m, op, i);
}

static void pick_areas(struct maker *m)
{
	m->careful = fuzz_below(m, 3);
	m->area[0] = world_pick_area(m);
	m->area[1] = world_pick_area(m);
}

unsigned int program_files(const struct program *p)
{
	unsigned int i, files = 1;

	for (i = 0; i < p->nr; i++)
		if (nr_args(&p->op[i]) && !strcmp(fuzz_calls[p->op[i].call].field[0].name, "fd") &&
		    p->op[i].arg[0] < FUZZ_FDS)
			files |= 1U << p->op[i].arg[0];
	return files;
}

/* Most programs run in one thread, and so do the same each time. */
static void spread(struct maker *m, struct program *p)
{
	unsigned int i;

	if (fuzz_below(m, 5))
		return;
	for (i = 0; i < p->nr; i++)
		p->op[i].thread = fuzz_below(m, FUZZ_THREADS);
}

void program_make(struct maker *m, struct program *p)
{
	unsigned int i;

	pick_areas(m);
	p->nr = 2 + fuzz_below(m, FUZZ_OPS / 2);
	for (i = 0; i < p->nr; i++)
		make_op(m, &p->op[i]);
	/* Most other calls do something only when there is a pin. */
	if (m->careful)
		make_op_of(m, &p->op[0], call_named("pin"));
	spread(m, p);
}

void program_remove(struct program *p, unsigned int i)
{
	p->nr--;
	memmove(&p->op[i], &p->op[i + 1], (p->nr - i) * sizeof(p->op[0]));
}

void program_append(struct program *p, const struct program *other)
{
	if (p->nr + other->nr > FUZZ_OPS)
		return;
	memcpy(&p->op[p->nr], other->op, other->nr * sizeof(other->op[0]));
	p->nr += other->nr;
}

static struct op *insert(struct program *p, unsigned int i)
{
	if (p->nr == FUZZ_OPS)
		program_remove(p, i ? 0 : FUZZ_OPS - 1);
	if (i > p->nr)
		i = p->nr;
	memmove(&p->op[i + 1], &p->op[i], (p->nr - i) * sizeof(p->op[0]));
	p->nr++;
	return &p->op[i];
}

static void insert_new(struct maker *m, struct program *p, const struct program *other)
{
	(void)other;
	make_op(m, insert(p, fuzz_below(m, p->nr + 1)));
}

static void insert_copy(struct maker *m, struct program *p, const struct program *other)
{
	struct op copy = p->op[fuzz_below(m, p->nr)];

	(void)other;
	*insert(p, fuzz_below(m, p->nr + 1)) = copy;
}

static void insert_other(struct maker *m, struct program *p, const struct program *other)
{
	unsigned int i = fuzz_below(m, other->nr), n = 1 + fuzz_below(m, other->nr - i);
	unsigned int at = fuzz_below(m, p->nr + 1);

	for (; n--; i++, at++)
		*insert(p, at) = other->op[i];
}

static void remove_one(struct maker *m, struct program *p, const struct program *other)
{
	(void)other;
	if (p->nr > 1)
		program_remove(p, fuzz_below(m, p->nr));
}

static void change_arg(struct maker *m, struct program *p, const struct program *other)
{
	struct op *op = &p->op[fuzz_below(m, p->nr)];
	unsigned int i;

	(void)other;
	if (!nr_args(op))
		return;
	i = fuzz_below(m, nr_args(op));
	switch (fuzz_below(m, 8)) {
	case 0:
		op->arg[i] ^= 1ULL << fuzz_below(m, 64);
		break;
	case 1:
		op->arg[i] += (int)fuzz_below(m, 5) - 2;
		break;
	case 2:
		op->arg[i] += ((int)fuzz_below(m, 5) - 2) * 0x1000LL;
		break;
	case 3:
		op->arg[i] ^= 1ULL << fuzz_below(m, 13);
		break;
	default:
		make_arg(m, op, i);
	}
}

static void swap_two(struct maker *m, struct program *p, const struct program *other)
{
	struct op *a = &p->op[fuzz_below(m, p->nr)], *b = &p->op[fuzz_below(m, p->nr)];
	struct op was = *a;

	(void)other;
	*a = *b;
	*b = was;
}

static void change_threads(struct maker *m, struct program *p, const struct program *other)
{
	unsigned int i;

	(void)other;
	for (i = 0; i < p->nr; i++)
		p->op[i].thread = 0;
	spread(m, p);
}

void program_mutate(struct maker *m, struct program *p, const struct program *other)
{
	static void (*const changes[])(struct maker *m, struct program *p,
				       const struct program *other) = {
		change_arg, change_arg, change_arg, change_arg, insert_new, insert_new, insert_new,
		insert_copy, insert_other, remove_one, swap_two, change_threads,
	};
	unsigned int n = 1 + fuzz_below(m, 4);

	pick_areas(m);
	while (n--)
		changes[fuzz_below(m, ARRAY_SIZE(changes))](m, p, other);
}

static void print_op(FILE *to, const struct op *op)
{
	const struct call *call = &fuzz_calls[op->call];
	unsigned int i;

	if (op->thread)
		fprintf(to, "@%u ", op->thread);
	fputs(call->name, to);
	for (i = 0; i < nr_args(op); i++)
		if (op->arg[i])
			fprintf(to, " %s=0x%llx", call->field[i].name,
				(unsigned long long)op->arg[i]);
}

void program_print(FILE *to, const struct program *p, const char *end)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		print_op(to, &p->op[i]);
		fputs(end, to);
	}
}

static bool read_arg(struct op *op, char *word)
{
	const struct call *call = &fuzz_calls[op->call];
	char *value = strchr(word, '='), *end;
	unsigned int i;

	if (!value)
		return false;
	*value++ = '\0';
	for (i = 0; i < nr_args(op); i++) {
		if (strcmp(word, call->field[i].name))
			continue;
		op->arg[i] = strtoull(value, &end, 0);
		return *value && !*end;
	}
	return false;
}

static bool read_op(struct op *op, char *line)
{
	char *word = strtok(line, " ");

	memset(op, 0, sizeof(*op));
	if (word && *word == '@') {
		op->thread = atoi(word + 1) % FUZZ_THREADS;
		word = strtok(NULL, " ");
	}
	op->call = word ? call_named(word) : fuzz_nr_calls();
	if (op->call == fuzz_nr_calls())
		return false;
	while ((word = strtok(NULL, " ")))
		if (!read_arg(op, word))
			return false;
	return true;
}

int program_read(FILE *from, const char *name, struct program *p)
{
	char line[1000], copy[1000];	/* strtok() takes the first one apart */

	p->nr = 0;
	while (fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (*line == '#')
			continue;
		if (!*line && p->nr)
			break;
		if (!*line)
			continue;
		memcpy(copy, line, sizeof(copy));
		if (p->nr == FUZZ_OPS || !read_op(&p->op[p->nr], line)) {
			fprintf(stderr, "fuzz-test: %s: %s: '%s'\n", name,
				p->nr == FUZZ_OPS ? "too many calls in a program, at" :
				"no such call, or no such argument", copy);
			return -1;
		}
		p->nr++;
	}
	return p->nr > 0;
}
