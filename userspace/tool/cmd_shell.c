// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope shell: the ABI from a script, a command for each ioctl, and what it
 * takes to make memory worth pinning. One table of commands.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "tool.h"

static const char help[] =
"usage: pinscope shell [OPTION]... [-c COMMAND]...\n"
"\n"
"Run commands, from -c or from standard input, on one open file of the module.\n"
"'pinscope shell -c help' lists them.\n"
"\n"
"  -c, --command COMMAND   run it; may be repeated\n"
"  -e, --stop-on-error     stop at the first command that fails\n"
"  -p, --pid PID           whose memory it is about [the shell's own]\n"
"  -h, --help              this text\n"
"\n"
"Exit status: 0 every command was good, 1 one failed, 2 wrong usage, 4 could\n"
"not run.\n";

enum { MEMORIES = 16, WORDS = 8 };

struct shell {
	int fd;				/* of map, which takes all ioctls */
	struct pinscope_target target_nr;
	struct kind *kinds;
	size_t nr_kinds;
	struct memory memory[MEMORIES];
	unsigned int nr_memory;
	pid_t child;
};

static struct shell sh;

/* What a command returns when its words are not right. */
#define WRONG	(-EPROTO)

static bool number(const char *text, uint64_t *value)
{
	static const char units[] = "kmg";
	const char *unit;
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	if (end == text || errno || *text == '-')
		return false;
	unit = *end ? strchr(units, tolower(*end)) : NULL;
	if (unit) {
		*value <<= 10 * (unit - units + 1);
		end++;
	}
	return !*end;
}

/* A number, or m0, or m0+NUMBER. */
static bool address(const char *text, uint64_t *addr)
{
	unsigned long nr;
	uint64_t offset = 0;
	char *end;

	if (*text != 'm')
		return number(text, addr);
	nr = strtoul(text + 1, &end, 10);
	if (end == text + 1 || nr >= sh.nr_memory ||
	    (*end && (*end != '+' || !number(end + 1, &offset))))
		return false;
	*addr = pinscope_addr(sh.memory[nr].addr) + offset;
	return true;
}

/* -------------------------------------------------------------- commands */

static int cmd_kinds(char **word)
{
	size_t i;

	(void)word;
	for (i = 0; i < sh.nr_kinds; i++)
		printf("%s\n", sh.kinds[i].name);
	return 0;
}

static int cmd_mem(char **word)
{
	struct memory *m = &sh.memory[sh.nr_memory];
	size_t i;

	if (word[2] && strcmp(word[2], "ro"))
		return WRONG;
	if (sh.nr_memory == MEMORIES)
		return -ENOSPC;
	for (i = 0; i < sh.nr_kinds; i++)
		if (!strcmp(sh.kinds[i].name, word[1]))
			break;
	if (i == sh.nr_kinds)
		return WRONG;
	if (!memory_open(m, &sh.kinds[i], "/var/tmp") ||
	    !memory_map(m, sh.fd, !word[2])) {
		fprintf(stderr, "%s\n", m->why);
		memory_close(m);
		return -ENOMEM;
	}
	printf("m%u addr=0x%llx len=0x%zx\n", sh.nr_memory++,
	       (unsigned long long)pinscope_addr(m->addr), m->kind->len);
	return 0;
}

static int cmd_map(char **word)
{
	int map = pinscope_number(pinscope_map_names, word[1]), ret;
	bool shared = word[2] && !strcmp(word[2], "shared");
	void *addr;

	if (map < 0 || (word[2] && !shared && strcmp(word[2], "private")))
		return WRONG;
	ret = pinscope_map(sh.fd, map, PINSCOPE_MAP_SIZE, PROT_READ | PROT_WRITE,
			   shared ? MAP_SHARED : MAP_PRIVATE, &addr);
	if (!ret)
		printf("addr=0x%llx len=0x%x\n",
		       (unsigned long long)pinscope_addr(addr), PINSCOPE_MAP_SIZE);
	return ret;
}

static int cmd_counts(char **word)
{
	struct pinscope_map_counts c;
	int ret = pinscope_map_counts(sh.fd, &c);

	(void)word;
	if (!ret)
		printf("fault=%llu huge_fault=%llu page_mkwrite=%llu pfn_mkwrite=%llu\n",
		       c.fault, c.huge_fault, c.page_mkwrite, c.pfn_mkwrite);
	return ret;
}

static int cmd_target(char **word)
{
	uint64_t pid;

	if (!strcmp(word[1], "self"))
		sh.target_nr = pinscope_self();
	else if (!strcmp(word[1], "child") && sh.child)
		sh.target_nr = pinscope_pid(sh.child);
	else if (number(word[1], &pid) && pid && pid < 1U << 31)
		sh.target_nr = pinscope_pid(pid);
	else
		return WRONG;
	return 0;
}

static int cmd_pin(char **word)
{
	static const char *const locks[] = {
		[PINSCOPE_LOCK_UNKNOWN] = "unknown",
		[PINSCOPE_LOCK_KEPT] = "kept",
		[PINSCOPE_LOCK_DROPPED] = "dropped",
		[PINSCOPE_LOCK_NONE] = "none",
	};
	struct pinscope_pin cmd = {
		.flags = PINSCOPE_PIN_PARTIAL,
		.target_type = sh.target_nr.target_type, .target_nr = sh.target_nr.target_nr,
	};
	uint64_t addr, len, batch = 0, gup_flags = PINSCOPE_FOLL_LONGTERM;
	int call = PINSCOPE_CALL_PIN_FAST, ret;

	if (sh.target_nr.target_type)
		call = PINSCOPE_CALL_PIN_REMOTE;
	if (word[3] && word[4])
		call = pinscope_number(pinscope_call_names, word[4]);
	if (!address(word[1], &addr) || !number(word[2], &len) || call < 0 ||
	    (word[3] && pinscope_parse(pinscope_gup_flags_names, word[3], &gup_flags)) ||
	    (word[3] && word[4] && word[5] &&
	     (!number(word[5], &batch) || batch > UINT32_MAX)))
		return WRONG;
	cmd.call = call;
	cmd.batch = batch;
	cmd.gup_flags = gup_flags;
	cmd.addr = addr;
	cmd.len = len;
	ret = pinscope_pin_cmd(sh.fd, &cmd);
	if (!ret)
		printf("id=%u pages=%llu asked=%llu ns=%llu lock=%s\n", cmd.id,
		       cmd.pages, cmd.len / sysconf(_SC_PAGESIZE),
		       cmd.elapsed_ns, locks[cmd.lock]);
	return ret;
}

static int cmd_unpin(char **word)
{
	uint64_t id, offset = 0, len = 0, left;
	int ret;

	if (!number(word[1], &id) || id > UINT32_MAX || (word[2] && !word[3]) ||
	    (word[2] && (!number(word[2], &offset) || !number(word[3], &len))))
		return WRONG;
	ret = pinscope_unpin_part(sh.fd, id, offset, len, 0, &left);
	if (!ret)
		printf("left=%llu\n", (unsigned long long)left);
	return ret;
}

static void print_bytes(const unsigned char *buf, size_t len, uint64_t at)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (!(i % 16))
			printf("%s%08llx:", i ? "\n" : "",
			       (unsigned long long)at + i);
		printf(" %02x", buf[i]);
	}
	printf("\n");
}

static int cmd_read(char **word)
{
	uint64_t id, offset, len;
	unsigned char *buf;
	int ret;

	if (!number(word[1], &id) || id > UINT32_MAX ||
	    !number(word[2], &offset) || !number(word[3], &len) || len > 1 << 20)
		return WRONG;
	buf = malloc(len + 1);
	if (!buf)
		return -ENOMEM;
	ret = pinscope_read(sh.fd, id, offset, buf, len);
	if (!ret)
		print_bytes(buf, len, offset);
	free(buf);
	return ret;
}

static int cmd_write(char **word)
{
	uint64_t id, offset;

	if (!number(word[1], &id) || id > UINT32_MAX ||
	    !number(word[2], &offset))
		return WRONG;
	return pinscope_write(sh.fd, id, offset, word[3], strlen(word[3]));
}

/* The process's own store: a pin is stale when it does not show it. */
static int cmd_store(char **word)
{
	uint64_t addr;
	unsigned long nr;
	size_t i;

	if (!address(word[1], &addr) || *word[1] != 'm')
		return WRONG;
	nr = strtoul(word[1] + 1, NULL, 10);
	for (i = 0; word[2][i]; i++) {
		uint64_t offset = addr - pinscope_addr(sh.memory[nr].addr) + i;

		if (offset >= sh.memory[nr].kind->len)
			return -ERANGE;
		if (!memory_write(&sh.memory[nr], offset, word[2][i])) {
			fprintf(stderr, "%s\n", sh.memory[nr].why);
			return -EIO;
		}
	}
	return 0;
}

static int cmd_compare(char **word)
{
	struct pinscope_compare c = {};
	uint64_t id, addr;
	int ret;

	if (!number(word[1], &id) || id > UINT32_MAX ||
	    !address(word[2], &addr))
		return WRONG;
	ret = pinscope_compare(sh.fd, id, sh.target_nr, addr, &c);
	if (!ret)
		printf("pages=%llu same=%llu absent=%llu released=%llu first_mismatch=%llu\n",
		       c.pages, c.same, c.absent, c.released, c.first_mismatch);
	return ret;
}

static void print_record(const struct pinscope_page *rec)
{
	char names[NAMES_MAX];

	printf("addr=0x%llx pages=%llu state=%s", rec->addr, rec->pages,
	       pinscope_names(pinscope_state_names, rec->state, names, sizeof(names)));
	if (rec->unknown)
		printf(" unknown=%s", pinscope_names(pinscope_state_names, rec->unknown,
						     names, sizeof(names)));
	if (rec->pfn)
		printf(" pfn=0x%llx", rec->pfn);
	if (rec->state & PINSCOPE_STATE_SWAP)
		printf(" swap=%u:0x%llx", rec->swap_type, rec->swap_offset);
	if (rec->state & PINSCOPE_STATE_HAS_FOLIO)
		printf(" folio=0x%llx order=%u refcount=%d mapcount=%d pincount=%d node=%d",
		       rec->folio_pfn, rec->folio_order, rec->refcount,
		       rec->mapcount, rec->pincount, rec->node - 1);
	if (rec->map_shift)
		printf(" map_shift=%u", rec->map_shift);
	printf("\n");
}

static int cmd_inspect(char **word)
{
	struct pinscope_target target_nr = sh.target_nr;
	struct pinscope_page *recs;
	uint64_t addr, len;
	size_t nr, i;
	int ret;

	if (word[3]) {
		uint64_t id;

		if (!number(word[3], &id) || id > UINT32_MAX)
			return WRONG;
		target_nr = pinscope_pinned(id);
	}
	if (!address(word[1], &addr) || !number(word[2], &len))
		return WRONG;
	ret = pinscope_inspect(sh.fd, target_nr, addr, len, &recs, &nr);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		print_record(&recs[i]);
	free(recs);
	return 0;
}

static int cmd_fault(char **word)
{
	struct pinscope_fault out;
	uint64_t addr, len, flags = 0;
	char names[NAMES_MAX];
	int ret;

	if (!address(word[1], &addr) || !number(word[2], &len) ||
	    (word[3] && pinscope_parse(pinscope_fault_names, word[3], &flags)))
		return WRONG;
	if (sh.target_nr.target_type)
		flags |= PINSCOPE_FAULT_REMOTE;
	ret = pinscope_fault(sh.fd, sh.target_nr, addr, len, flags, NULL, &out);
	if (!ret)
		printf("pages=%llu results=%s dropped=%llu retries=%llu\n",
		       out.pages, pinscope_names(pinscope_vm_fault_names, out.results_or,
						 names, sizeof(names)), out.dropped,
		       out.retries);
	return ret;
}

static int cmd_protect(char **word)
{
	uint64_t addr, len;
	int prot = !strcmp(word[3], "rw") ? PROT_READ | PROT_WRITE :
		   !strcmp(word[3], "r") ? PROT_READ :
		   !strcmp(word[3], "none") ? PROT_NONE : -1;

	if (!address(word[1], &addr) || !number(word[2], &len) || prot < 0)
		return WRONG;
	return mprotect((void *)(uintptr_t)addr, len, prot) ? -errno : 0;
}

static int cmd_advise(char **word)
{
	static const struct pinscope_name advice[] = {
		{ MADV_DONTNEED, "dontneed" }, { MADV_PAGEOUT, "pageout" },
		{ MADV_FREE, "free" }, { MADV_HUGEPAGE, "hugepage" },
		{ MADV_NOHUGEPAGE, "nohugepage" }, { 25, "collapse" },
		{ MADV_MERGEABLE, "mergeable" }, { 0, NULL },
	};
	uint64_t addr, len;
	int how = pinscope_number(advice, word[3]);

	if (!address(word[1], &addr) || !number(word[2], &len) || how < 0)
		return WRONG;
	return madvise((void *)(uintptr_t)addr, len, how) ? -errno : 0;
}

/* A child that shares all private memory and does nothing. */
static int cmd_fork(char **word)
{
	pid_t shell = getpid();
	int i;

	(void)word;
	if (sh.child)
		return -EBUSY;
	fflush(stdout);
	sh.child = fork();
	if (!sh.child) {
		/* Nothing of it may keep a pin, whatever ends the shell. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(sh.fd);
		for (i = STDIN_FILENO; i <= STDERR_FILENO; i++)
			close(i);
		while (getppid() == shell)
			pause();
		_exit(0);
	}
	if (sh.child < 0) {
		sh.child = 0;
		return -errno;
	}
	printf("pid=%d\n", sh.child);
	return 0;
}

static int cmd_reap(char **word)
{
	(void)word;
	if (!sh.child)
		return -ECHILD;
	kill(sh.child, SIGKILL);
	waitpid(sh.child, NULL, 0);
	sh.child = 0;
	sh.target_nr = pinscope_self();
	return 0;
}

static int cmd_pins(char **word)
{
	FILE *file = fopen(PINSCOPE_PINS_PATH, "re");
	char line[512];

	(void)word;
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		fputs(line, stdout);
	fclose(file);
	return 0;
}

static int cmd_help(char **word);

static const struct {
	const char *name;
	const char *args;
	const char *help;
	int min, max;		/* words, with the command's own */
	int (*run)(char **word);
} commands[] = {
	{ "kinds", "", "kinds of memory for mem", 1, 1, cmd_kinds },
	{ "mem", "KIND [ro]", "make memory of a kind: m0, m1, ...", 2, 3, cmd_mem },
	{ "map", "MAP [shared]", "map pfnmap, mixed-pfn, mixed-page or pmd", 2, 3,
	  cmd_map },
	{ "counts", "", "calls of the driver behind map", 1, 1, cmd_counts },
	{ "target", "self|child|PID", "whose memory it is about from now on", 2, 2,
	  cmd_target },
	{ "pin", "ADDR LEN [FOLL [WAY [BATCH]]]",
	  "what it can; LONGTERM, fast or remote unless given", 3, 6, cmd_pin },
	{ "unpin", "ID [OFFSET LEN]", "release a pin or a part of it", 2, 4,
	  cmd_unpin },
	{ "read", "ID OFFSET LEN", "what a device would read", 4, 4, cmd_read },
	{ "write", "ID OFFSET TEXT", "write as a device would", 4, 4, cmd_write },
	{ "store", "ADDR TEXT", "write as the process, to memory of mem", 3, 3,
	  cmd_store },
	{ "compare", "ID ADDR", "is the pinned page the mapped page?", 3, 3,
	  cmd_compare },
	{ "inspect", "ADDR LEN [ID]", "page table entries; or pages of a pin", 3, 4,
	  cmd_inspect },
	{ "fault", "ADDR LEN [FLAGS]", "handle_mm_fault() on each page", 3, 4,
	  cmd_fault },
	{ "protect", "ADDR LEN r|rw|none", "mprotect()", 4, 4, cmd_protect },
	{ "advise", "ADDR LEN WHAT", "madvise(): dontneed, pageout, collapse, ...",
	  4, 4, cmd_advise },
	{ "fork", "", "a child that shares memory until reap", 1, 1, cmd_fork },
	{ "reap", "", "end the child", 1, 1, cmd_reap },
	{ "pins", "", "every pin that is held, by anybody", 1, 1, cmd_pins },
	{ "help", "", "this list", 1, 1, cmd_help },
};

static int cmd_help(char **word)
{
	size_t i;

	(void)word;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("%-8s %-22s %s\n", commands[i].name, commands[i].args,
		       commands[i].help);
	printf("ADDR is a number, m0 or m0+0x1000; numbers may end in k, m or g.\n");
	return 0;
}

static bool run_line(const char *line)
{
	char *copy = strdup(line), *word[WORDS + 1] = {}, *save = NULL;
	int nr = 0, ret = WRONG;
	size_t i;

	if (!copy)
		return false;
	for (word[0] = strtok_r(copy, " \t\n", &save); nr < WORDS && word[nr];)
		word[++nr] = strtok_r(NULL, " \t\n", &save);
	if (!nr || *word[0] == '#') {
		free(copy);
		return true;
	}
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, word[0]))
			break;
	if (i == sizeof(commands) / sizeof(commands[0])) {
		fprintf(stderr, "pinscope shell: no command '%s'; see 'help'\n",
			word[0]);
		goto out;
	}
	if (nr >= commands[i].min && nr <= commands[i].max)
		ret = commands[i].run(word);
	if (ret == WRONG)
		fprintf(stderr, "pinscope shell: usage: %s %s\n",
			commands[i].name, commands[i].args);
	else if (ret)
		fprintf(stderr, "%s: %s\n", word[0], pinscope_errno(ret));
out:
	fflush(stdout);
	free(copy);
	return !ret;
}

static int run_input(bool stop)
{
	bool ask = isatty(STDIN_FILENO);
	char *line = NULL;
	size_t size = 0;
	int bad = 0;

	for (;;) {
		if (ask) {
			printf("pinscope> ");
			fflush(stdout);
		}
		if (getline(&line, &size, stdin) < 0 ||
		    !strcmp(line, "quit\n") || !strcmp(line, "quit"))
			break;
		bad |= !run_line(line);
		if (bad && stop)
			break;
	}
	free(line);
	return bad;
}

int cmd_shell(int argc, char **argv)
{
	static const struct option options[] = {
		{ "command", required_argument, NULL, 'c' },
		{ "stop-on-error", no_argument, NULL, 'e' },
		{ "pid", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const char *lines[argc];
	struct pinscope_info info;
	uint64_t pid = 0;
	int nr = 0, i, opt, bad = 0;
	bool stop = false;

	while ((opt = getopt_long(argc, argv, "c:ep:h", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			lines[nr++] = optarg;
			break;
		case 'e':
			stop = true;
			break;
		case 'p':
			if (!number(optarg, &pid) || !pid || pid > INT32_MAX) {
				fprintf(stderr, "pinscope shell: '%s' is not a process\n",
					optarg);
				return EXIT_USAGE;
			}
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pinscope shell: what is '%s'? See 'pinscope shell --help'\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	/* That it is there is for tool_open() to say; this one can be mapped. */
	sh.fd = tool_open(&info);
	if (sh.fd < 0)
		return EXIT_CANNOT;
	close(sh.fd);
	sh.fd = pinscope_open_map();
	sh.target_nr = pid ? pinscope_pid(pid) : pinscope_self();
	sh.kinds = kinds_get("/var/tmp", &sh.nr_kinds);
	if (sh.fd < 0 || !sh.kinds) {
		fprintf(stderr, "pinscope shell: cannot start\n");
		return EXIT_CANNOT;
	}
	for (i = 0; i < nr && !(bad && stop); i++)
		bad |= !run_line(lines[i]);
	if (!nr)
		bad = run_input(stop);

	if (sh.child)
		cmd_reap(NULL);
	while (sh.nr_memory)
		memory_close(&sh.memory[--sh.nr_memory]);
	free(sh.kinds);
	close(sh.fd);
	return bad ? EXIT_BAD : EXIT_GOOD;
}
