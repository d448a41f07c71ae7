// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope shell: the ABI from a script, a command for each ioctl, and what it
 * takes to make memory worth pinning. One table of commands.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../suite/exercise.h"
#include "../suite/fixture.h"
#include "../suite/process.h"
#include "../suite/run.h"
#include "../suite/sys.h"
#include "explain.h"
#include "line.h"
#include "tool.h"

enum { MEMORIES = 16, WORDS = 8, MAX_LINES = 256 };

struct shell {
	int fd;				/* of map, which takes all ioctls */
	const char *script;		/* its name; NULL: standard input, or -c */
	unsigned int line;		/* of the script */
	struct pinscope_target target;
	struct kind *kinds;
	size_t nr_kinds;
	struct fixture memory[MEMORIES];
	unsigned int nr_memory;
	pid_t child;
	pid_t player;			/* of scripts of exercise; 0: there is none */
	int play;			/* a socket to it */
};

static struct shell sh;

/* What a command returns when its words do not fit its usage. */
#define WRONG	(-EPROTO)

/* What a command returns when it has said what is wrong. */
#define SAID	(-ECANCELED)

enum { MAX_NAMES = 64 };

/* What a message begins with: the command of the tool, and where in the script. */
static const char *place(void)
{
	static char text[300];

	if (!sh.script)
		return "pinscope shell";
	snprintf(text, sizeof(text), "pinscope shell: %.200s:%u", sh.script, sh.line);
	return text;
}

static int no_such(const char *thing, const char *name, const struct pinscope_name *table,
		   const char *list)
{
	const char *names[MAX_NAMES + 1] = {};
	size_t i;

	for (i = 0; i < MAX_NAMES && table[i].name; i++)
		names[i] = table[i].name;
	unknown_name("shell", thing, name, names, list);
	return SAID;
}

/* Reads flags joined by |, + or commas; returns 0 or SAID. */
static int parse_flags(const char *thing, const struct pinscope_name *table,
		       const char *text, uint64_t *flags)
{
	char one[64];
	uint64_t bits;

	if (!pinscope_parse(table, text, flags))
		return 0;
	while (*text) {
		size_t len = strcspn(text, "|,+");

		snprintf(one, sizeof(one), "%.*s", (int)len, text);
		if (!*one || pinscope_parse(table, one, &bits))
			break;
		text += len + (text[len] != '\0');
	}
	return no_such(thing, *text ? one : text, table, "pinscope info");
}

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
	char first[64];
	size_t i;

	(void)word;
	for (i = 0; i < sh.nr_kinds; i++) {
		snprintf(first, sizeof(first), "%-34s ", sh.kinds[i].name);
		print_wrapped(stdout, first, sh.kinds[i].what, 35);
	}
	return 0;
}

static int no_kind(const char *name)
{
	const char *names[sh.nr_kinds + 1];
	size_t i;

	for (i = 0; i < sh.nr_kinds; i++)
		names[i] = sh.kinds[i].name;
	names[i] = NULL;
	unknown_name("shell", "kind", name, names, "kinds");
	return SAID;
}

static int cmd_mem(char **word)
{
	struct fixture *f = &sh.memory[sh.nr_memory];
	const struct scenario scenario = {
		.kind = kind_find(sh.kinds, sh.nr_kinds, word[1]),
	};

	if (word[2] && strcmp(word[2], "ro"))
		return WRONG;
	if (sh.nr_memory == MEMORIES)
		return -ENOSPC;
	if (!scenario.kind)
		return no_kind(word[1]);
	fixture_begin(f, &scenario, sh.fd);
	if (fixture_make(f)) {
		fprintf(stderr, "%s: mem %s: %s\n", place(), word[1], f->why);
		fixture_end(f);
		return SAID;
	}
	f->readonly = word[2];
	if (f->readonly)
		mprotect(f->addr, f->len, PROT_READ);
	printf("m%u addr=0x%llx len=0x%zx\n", sh.nr_memory++,
	       (unsigned long long)pinscope_addr(f->addr), f->len);
	return 0;
}

static int cmd_map(char **word)
{
	int map = pinscope_number(pinscope_map_names, word[1]), ret;
	bool shared = word[2] && !strcmp(word[2], "shared");
	void *addr;

	if (map < 0)
		return no_such("map", word[1], pinscope_map_names, "help");
	if (word[2] && !shared && strcmp(word[2], "private"))
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
		sh.target = pinscope_self();
	else if (!strcmp(word[1], "child") && sh.child)
		sh.target = pinscope_pid(sh.child);
	else if (number(word[1], &pid) && pid && pid < 1U << 31)
		sh.target = pinscope_pid(pid);
	else
		return WRONG;
	return 0;
}

/* Says why GUP fails, as 'pinscope explain' would; nothing when that is not known. */
static void explain_pin(const struct pinscope_pin *cmd, int ret)
{
	const struct range range = { cmd->addr, cmd->len };
	struct live l = { .command = "shell", .fd = sh.fd };
	static struct answer_to answer;
	const struct group *g;

	answer = (struct answer_to) { .request = { cmd->call, cmd->gup_flags, false } };
	if (cmd->call == PINSCOPE_CALL_PIN_MEMFD || cmd->addr % sys_page_size() ||
	    cmd->len % sys_page_size())
		return;
	if (!process_open(&l.process, sh.target.target_type ? sh.target.target_nr : getpid()) &&
	    !explain_range(&l, &range, &answer, 1) && answer.bad >= 0) {
		g = &answer.groups[answer.bad];
		if (g->prediction.error == -ret)
			fprintf(stderr, "    at 0x%llx, %s(): %s\n%s%s%s",
				(unsigned long long)g->addr, g->prediction.check->function,
				g->prediction.check->why,
				g->prediction.check->instead ? "    Instead: " : "",
				g->prediction.check->instead ? g->prediction.check->instead : "",
				g->prediction.check->instead ? "\n" : "");
	}
	process_close(&l.process);
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
		.target_type = sh.target.target_type, .target_nr = sh.target.target_nr,
	};
	uint64_t addr, len, batch = 0, gup_flags = PINSCOPE_FOLL_LONGTERM;
	int call = PINSCOPE_CALL_PIN_FAST, ret;

	if (sh.target.target_type)
		call = PINSCOPE_CALL_PIN_REMOTE;
	if (!address(word[1], &addr) || !number(word[2], &len))
		return WRONG;
	if (word[3] && parse_flags("flag", pinscope_gup_flags_names, word[3], &gup_flags))
		return SAID;
	if (word[3] && word[4]) {
		call = pinscope_number(pinscope_call_names, word[4]);
		if (call < 0)
			return no_such("call", word[4], pinscope_call_names,
				       "pinscope info");
		if (word[5] && (!number(word[5], &batch) || batch > UINT32_MAX))
			return WRONG;
	}
	cmd.call = call;
	cmd.batch = batch;
	cmd.gup_flags = gup_flags;
	cmd.addr = addr;
	cmd.len = len;
	ret = pinscope_pin_cmd(sh.fd, &cmd);
	if (ret) {
		fprintf(stderr, "%s: pin: %s\n", place(), pinscope_errno(ret));
		explain_pin(&cmd, ret);
		return SAID;
	}
	printf("id=%u pages=%llu asked=%llu ns=%llu lock=%s\n", cmd.id, cmd.pages,
	       cmd.len / sysconf(_SC_PAGESIZE), cmd.elapsed_ns, locks[cmd.lock]);
	return 0;
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

/* Writes as the process: a stale pin does not show it. */
static int cmd_store(char **word)
{
	struct fixture *f;
	uint64_t addr, end;
	size_t i;
	char *byte;

	if (!address(word[1], &addr) || *word[1] != 'm')
		return WRONG;
	f = &sh.memory[strtoul(word[1] + 1, NULL, 10)];
	end = pinscope_addr(f->addr) + f->len;
	if (addr + strlen(word[2]) > end)
		return -ERANGE;
	if (f->readonly)
		mprotect(f->addr, f->len, PROT_READ | PROT_WRITE);
	byte = (char *)(uintptr_t)addr;
	for (i = 0; word[2][i]; i++)
		*(volatile char *)&byte[i] = word[2][i];
	if (f->readonly)
		mprotect(f->addr, f->len, PROT_READ);
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
	ret = pinscope_compare(sh.fd, id, sh.target, addr, &c);
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
	struct pinscope_target target = sh.target;
	struct pinscope_page *recs;
	uint64_t addr, len;
	size_t nr, i;
	int ret;

	if (word[3]) {
		uint64_t id;

		if (!number(word[3], &id) || id > UINT32_MAX)
			return WRONG;
		target = pinscope_pinned(id);
	}
	if (!address(word[1], &addr) || !number(word[2], &len))
		return WRONG;
	ret = pinscope_inspect(sh.fd, target, addr, len, &recs, &nr);
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

	if (!address(word[1], &addr) || !number(word[2], &len))
		return WRONG;
	if (word[3] && parse_flags("fault flag", pinscope_fault_names, word[3], &flags))
		return SAID;
	if (sh.target.target_type)
		flags |= PINSCOPE_FAULT_REMOTE;
	ret = pinscope_fault(sh.fd, sh.target, addr, len, flags, NULL, &out);
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

static const struct pinscope_name advice[] = {
	{ MADV_DONTNEED, "dontneed" }, { MADV_PAGEOUT, "pageout" },
	{ MADV_FREE, "free" }, { MADV_HUGEPAGE, "hugepage" },
	{ MADV_NOHUGEPAGE, "nohugepage" }, { MADV_COLLAPSE, "collapse" },
	{ MADV_MERGEABLE, "mergeable" }, { 0, NULL },
};

static int cmd_advise(char **word)
{
	uint64_t addr, len;
	int how = pinscope_number(advice, word[3]);

	if (!address(word[1], &addr) || !number(word[2], &len))
		return WRONG;
	if (how < 0)
		return no_such("advice", word[3], advice, "help");
	return madvise((void *)(uintptr_t)addr, len, how) ? -errno : 0;
}

/* What the player says of a line. */
struct played {
	int ret;
	char why[sizeof(((struct exercise *)NULL)->why)];
};

/* Lines for the player that are no lines of a script. */
static const char show_model[] = "model", end_play[] = "end";

/*
 * Scripts of exercise are done by a process of their own: signals and children are handled in
 * another way there, and the memory of the shell is none of its business.
 */
__attribute__((noreturn))
static void player(int lines)
{
	static struct exercise e;
	struct dirs dirs = {};
	char line[LINE_MAX];
	struct played answer;
	int ready;
	ssize_t len;

	e.dirs = &dirs;
	e.out = stdout;
	e.processes = EX_PROCESSES;
	e.known = true;
	ready = exercise_begin(&e);
	signal(SIGPIPE, SIG_IGN);
	do {
		answer.ret = ready;
		/* Of a signal it is the shell that ends, or goes on. */
		do
			len = recv(lines, line, sizeof(line) - 1, 0);
		while (len < 0 && errno == EINTR);
		line[len > 0 ? len : 0] = '\0';
		if (len <= 0 || !strcmp(line, end_play))
			answer.ret = exercise_end(&e);
		else if (!strcmp(line, show_model))
			exercise_show(&e);
		else if (!ready)
			answer.ret = exercise_line(&e, line);
		fflush(stdout);
		memcpy(answer.why, e.why, sizeof(answer.why));
		send(lines, &answer, sizeof(answer), MSG_NOSIGNAL);
	} while (len > 0 && strcmp(line, end_play));
	_exit(0);
}

static int start_player(void)
{
	int ends[2];

	if (sh.player)
		return 0;
	if (sh.nr_memory) {
		fprintf(stderr,
			"%s: expected scripts of exercise before memory of mem, which their processes would share\n",
			place());
		return SAID;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	fflush(stdout);
	sh.player = fork();
	if (!sh.player) {
		close(ends[0]);
		close(sh.fd);
		player(ends[1]);
	}
	close(ends[1]);
	sh.play = ends[0];
	if (sh.player > 0)
		return 0;
	close(sh.play);
	sh.player = 0;
	return -errno;
}

/* Lets the player do a line. */
static int play(const char *line)
{
	struct played answer = {};

	if (send(sh.play, line, strlen(line), MSG_NOSIGNAL) < 0 ||
	    recv(sh.play, &answer, sizeof(answer), 0) != sizeof(answer)) {
		fprintf(stderr, "%s: the process that does scripts of exercise is gone\n", place());
		return SAID;
	}
	if (answer.ret == -EAGAIN) {
		printf("%s\n", answer.why);
		return 0;
	}
	if (!answer.ret || !*answer.why)
		return answer.ret;
	fprintf(stderr, "%s: %s\n", place(), answer.why);
	return SAID;
}

/* Returns whether all that it did was right. */
static bool end_player(void)
{
	int ret = play(end_play);

	close(sh.play);
	waitpid(sh.player, NULL, 0);
	sh.player = 0;
	return !ret;
}

static int cmd_model(char **word)
{
	(void)word;
	if (sh.player)
		return play(show_model);
	fprintf(stderr, "%s: expected a script of exercise before this line, found none\n",
		place());
	return SAID;
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
	sh.target = pinscope_self();
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
	{ "kinds", "", "list the kinds of memory for mem", 1, 1, cmd_kinds },
	{ "mem", "KIND [ro]", "make memory of a kind: m0, m1, ...", 2, 3, cmd_mem },
	{ "map", "MAP [shared|private]", "map pfnmap, mixed-pfn, mixed-page or pmd", 2, 3,
	  cmd_map },
	{ "counts", "", "how often mm called the driver behind map", 1, 1, cmd_counts },
	{ "target", "self|child|PID", "the target of the commands that follow", 2, 2,
	  cmd_target },
	{ "pin", "ADDR LEN [GUP_FLAGS [CALL [BATCH]]]",
	  "pin; by LONGTERM and pin-fast (another target: pin-remote) unless given", 3, 6,
	  cmd_pin },
	{ "unpin", "ID [OFFSET LEN]", "release a pin or a part of it", 2, 4,
	  cmd_unpin },
	{ "read", "ID OFFSET LEN", "read through a pin, as a device would", 4, 4, cmd_read },
	{ "write", "ID OFFSET TEXT", "write through a pin, as a device would", 4, 4, cmd_write },
	{ "store", "ADDR TEXT", "write as the process, to memory of mem", 3, 3,
	  cmd_store },
	{ "compare", "ID ADDR", "is the pinned page the mapped page?", 3, 3,
	  cmd_compare },
	{ "inspect", "ADDR LEN [ID]", "page table entries, or the pages of a pin", 3, 4,
	  cmd_inspect },
	{ "fault", "ADDR LEN [FLAGS]", "handle_mm_fault() on each page", 3, 4,
	  cmd_fault },
	{ "protect", "ADDR LEN r|rw|none", "mprotect()", 4, 4, cmd_protect },
	{ "advise", "ADDR LEN WHAT", "madvise(): dontneed, pageout, collapse, ...",
	  4, 4, cmd_advise },
	{ "fork", "", "fork a child that stays until reap", 1, 1, cmd_fork },
	{ "reap", "", "end the child", 1, 1, cmd_reap },
	{ "pins", "", "all pins of the module", 1, 1, cmd_pins },
	{ "model", "", "page table entries, and the model of a script of exercise", 1, 1,
	  cmd_model },
	{ "help", "", "this list", 1, 1, cmd_help },
};

static int cmd_help(char **word)
{
	size_t i;

	(void)word;
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("%-8s %-36s %s\n", commands[i].name, commands[i].args,
		       commands[i].help);
	printf("ADDR is a number, m0 or m0+0x1000; numbers may end in k, m or g.\n"
	       "'region r0 KIND', and then 'write p0 r0 0+1 word0' and the like, are a script of\n"
	       "'pinscope exercise', whose --list lists the operations.\n");
	return 0;
}

static void no_command(const char *name)
{
	const char *names[ARRAY_SIZE(commands) + 1] = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		names[i] = commands[i].name;
	unknown_name("shell", "command", name, names, "help");
}

/* Returns 0, SAID or a negative errno. */
static int run_words(const char *line, char **word, int nr)
{
	int ret = WRONG;
	size_t i;

	if (exercise_is_line(line)) {
		ret = start_player();
		return ret ? ret : play(line);
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, word[0]))
			break;
	if (i == ARRAY_SIZE(commands)) {
		no_command(word[0]);
		return SAID;
	}
	if (nr >= commands[i].min && nr <= commands[i].max)
		ret = commands[i].run(word);
	if (ret != WRONG)
		return ret;
	fprintf(stderr, "%s: usage: %s %s: %s\n", place(), commands[i].name, commands[i].args,
		commands[i].help);
	return SAID;
}

static bool run_line(const char *line)
{
	char *copy = strdup(line), *word[WORDS + 1] = {}, *save = NULL;
	int nr = 0, ret = 0;

	if (!copy)
		return false;
	for (word[0] = strtok_r(copy, " \t\n", &save); nr < WORDS && word[nr];)
		word[++nr] = strtok_r(NULL, " \t\n", &save);
	if (nr && *word[0] != '#')
		ret = run_words(line, word, nr);
	if (ret && ret != SAID)
		fprintf(stderr, "%s: %s: %s\n", place(), word[0], pinscope_errno(ret));
	fflush(stdout);
	free(copy);
	return !ret;
}

/* The word of a table, or NULL behind its end. */
static const char *word_of(const struct pinscope_name *table, size_t nr)
{
	size_t i;

	for (i = 0; i < nr && table[i].name; i++)
		;
	return table[i].name;
}

static const char *command_word(size_t nr)
{
	return nr < ARRAY_SIZE(commands) ? commands[nr].name : NULL;
}

static const char *kind_word(size_t nr)
{
	return nr < sh.nr_kinds ? sh.kinds[nr].name : NULL;
}

static const char *flag_word(size_t nr)
{
	return word_of(pinscope_gup_flags_names, nr);
}

static const char *call_word(size_t nr)
{
	return word_of(pinscope_call_names, nr);
}

static const char *fault_word(size_t nr)
{
	return word_of(pinscope_fault_names, nr);
}

static const char *map_word(size_t nr)
{
	return word_of(pinscope_map_names, nr);
}

static const char *advice_word(size_t nr)
{
	return word_of(advice, nr);
}

/* What there is in the place of a word: the command's own is number 0. */
static const struct {
	const char *command;
	int word;
	const char *(*words)(size_t nr);
} completions[] = {
	{ "mem", 1, kind_word }, { "map", 1, map_word },
	{ "pin", 3, flag_word }, { "pin", 4, call_word },
	{ "fault", 3, fault_word }, { "advise", 3, advice_word },
};

/* The number of the word at the end of the line, which may be empty. */
static int last_word(const char *line)
{
	int words = 0;

	while (*(line += strspn(line, " \t"))) {
		line += strcspn(line, " \t");
		words++;
	}
	return words && !strchr(" \t", line[-1]) ? words - 1 : words;
}

static const char *complete(const char *line, size_t nr)
{
	size_t len, i;
	int word;

	line += strspn(line, " \t");
	len = strcspn(line, " \t");
	word = last_word(line);
	if (word <= 0)
		return command_word(nr);
	for (i = 0; i < ARRAY_SIZE(completions); i++)
		if (completions[i].word == word && strlen(completions[i].command) == len &&
		    !strncmp(completions[i].command, line, len))
			return completions[i].words(nr);
	return NULL;
}

static int run_input(FILE *file, bool stop)
{
	const struct line_input input = { file, "pinscope> ", complete };
	char *line;
	int bad = 0;

	while (!(bad && stop) && (line = line_read(&input))) {
		sh.line++;
		if (!strcmp(line, "quit")) {
			free(line);
			break;
		}
		bad |= !run_line(line);
		free(line);
	}
	return bad;
}

static int run_script(const char *name, bool stop)
{
	FILE *file = fopen(name, "re");
	int bad;

	if (!file) {
		fprintf(stderr, "pinscope shell: %s: %s\n", name, pinscope_errno(errno));
		return 1;
	}
	sh.script = name;
	bad = run_input(file, stop);
	fclose(file);
	return bad;
}

static const char *lines[MAX_LINES];
static size_t nr_lines;
static uint64_t pid;
static bool stop_on_error;

static bool add_line(const struct option_row *row, const char *value)
{
	(void)row;
	if (nr_lines == MAX_LINES) {
		fprintf(stderr,
			"pinscope shell: expected at most %d commands, found more: write them to standard input\n",
			MAX_LINES);
		return false;
	}
	lines[nr_lines++] = value;
	return true;
}

static bool set_pid(const struct option_row *row, const char *value)
{
	(void)row;
	if (number(value, &pid) && pid && pid <= INT32_MAX)
		return true;
	fprintf(stderr, "pinscope shell: --pid: expected a process id, found '%s'\n",
		value);
	return false;
}

static const struct option_row options[] = {
	{ "command", 'c', "COMMAND", false, "Run it; may be repeated.", add_line,
	  NULL, 0, 0 },
	{ "stop-on-error", 'e', NULL, false, "Stop at the first command that fails.",
	  set_true, &stop_on_error, 0, 0 },
	{ "pid", 'p', "PID", false, "The target of the commands [the shell itself].",
	  set_pid, NULL, 0, 0 },
	{}
};

/* Says what is wrong with the process of --pid, as the other commands do. */
static bool target_is_there(void)
{
	struct process process;
	int ret = process_open(&process, pid);

	if (ret)
		fprintf(stderr, "pinscope shell: %s\n", process.why);
	process_close(&process);
	return !ret;
}

static int cmd_shell(const struct command *command, int argc, char **argv)
{
	static const char *const dirs[] = { "/var/tmp" };
	struct pinscope_info info;
	int bad = 0, status;
	int first;
	size_t i;

	first = options_parse(command, argc, argv, &status);
	if (first < 0)
		return status;
	if (first < argc && access(argv[first], R_OK)) {
		fprintf(stderr, "pinscope shell: expected a file of commands, found '%s': %s\n",
			argv[first], pinscope_errno(errno));
		return EXIT_USAGE;
	}
	/* The list of commands needs no module. */
	if (nr_lines == 1 && !strcmp(lines[0], "help"))
		return cmd_help(NULL) ? EXIT_BAD : EXIT_GOOD;
	/* tool_open() says what is wrong; the file that is used can also be mapped. */
	sh.fd = tool_open(&info);
	if (sh.fd < 0)
		return EXIT_CANNOT;
	close(sh.fd);
	if (pid && !target_is_there())
		return EXIT_CANNOT;
	sh.fd = pinscope_open_map();
	sh.target = pid ? pinscope_pid(pid) : pinscope_self();
	sh.kinds = kinds_expand(dirs, ARRAY_SIZE(dirs), &sh.nr_kinds);
	if (sh.fd < 0 || !sh.kinds) {
		fprintf(stderr, "pinscope shell: cannot open map, or out of memory\n");
		return EXIT_CANNOT;
	}
	knobs_save();
	for (i = 0; i < nr_lines && !(bad && stop_on_error); i++)
		bad |= !run_line(lines[i]);
	if (first < argc && !(bad && stop_on_error))
		bad |= run_script(argv[first], stop_on_error);
	else if (!nr_lines)
		bad = run_input(stdin, stop_on_error);

	if (sh.player)
		bad |= !end_player();
	if (sh.child)
		cmd_reap(NULL);
	while (sh.nr_memory)
		fixture_end(&sh.memory[--sh.nr_memory]);
	knobs_restore();
	free(sh.kinds);
	close(sh.fd);
	return bad ? EXIT_BAD : EXIT_GOOD;
}

const struct command command_shell = {
	.name = "shell",
	.args = "[FILE]",
	.summary = "pin, inspect, fault and more, from a script",
	.about =
"Runs commands, from -c, a file or standard input, on one open file of the module.\n"
"A file may begin with '#!/usr/local/sbin/pinscope shell'. 'pinscope shell -c help'\n"
"lists the commands.\n",
	.options = options,
	.max_args = 1,
	.run = cmd_shell,
};
