// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does memory keep what the kernel's crypto API has written there for recv()?
 *
 * usage: reproduce
 *
 * A socket of AF_ALG encrypts pages. recv() puts the result into memory that is clean. Then
 * MADV_PAGEOUT reclaims the memory, as memory pressure would. The same with memcpy() of the
 * result comes first. Needs no privilege, but AF_ALG with AES.
 */
#include "../reproduce.h"

#include <linux/if_alg.h>
#include <sys/socket.h>

enum { PAGES = 8, LEN = PAGES * PAGE };

static char plain[LEN], cipher[LEN];

/* A socket from which the encrypted text can be received. */
static int encrypt(void)
{
	struct sockaddr_alg addr = {
		.salg_family = AF_ALG, .salg_type = "skcipher", .salg_name = "cbc(aes)",
	};
	union {
		char space[CMSG_SPACE(sizeof(uint32_t))];
		struct cmsghdr head;
	} operation = {
		.head = {
			.cmsg_level = SOL_ALG, .cmsg_type = ALG_SET_OP,
			.cmsg_len = CMSG_LEN(sizeof(uint32_t)),
		},
	};
	struct iovec iov = { plain, LEN };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &operation,
		.msg_controllen = sizeof(operation),
	};
	const uint32_t op = ALG_OP_ENCRYPT;
	int type = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd;

	need(type >= 0, "socket of AF_ALG");
	need(!bind(type, (struct sockaddr *)&addr, sizeof(addr)), "cbc(aes) of AF_ALG");
	need(!setsockopt(type, SOL_ALG, ALG_SET_KEY, "0123456789abcdef", 16), "ALG_SET_KEY");
	fd = accept(type, NULL, NULL);
	need(fd >= 0, "accept");
	close(type);
	memcpy(CMSG_DATA(&operation.head), &op, sizeof(op));
	need(sendmsg(fd, &msg, 0) == LEN, "sendmsg");
	return fd;
}

static void get(char *to, bool by_recv)
{
	int fd;

	if (!by_recv) {
		memcpy(to, cipher, LEN);
		return;
	}
	fd = encrypt();
	need(recv(fd, to, LEN, 0) == LEN, "recv");
	close(fd);
}

/* How many pages do not have the result, once they were reclaimed? */
static int lost(bool by_recv)
{
	char *addr = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int nr;

	need(addr != MAP_FAILED, "mmap");
	memset(addr, 'o', LEN);
	need(!madvise(addr, LEN, MADV_FREE), "MADV_FREE");
	get(addr, by_recv);
	need(!memcmp(addr, cipher, LEN), "the result");
	nr = lost_pages(addr, cipher, PAGES);
	munmap(addr, LEN);
	return nr;
}

int main(void)
{
	int control, nr;

	memset(plain, 'n', LEN);
	get(cipher, true);
	control = lost(false);
	nr = lost(true);
	printf("%d of %d pages are lost after recv(), %d after memcpy()\n", nr, PAGES, control);
	errno = 0;
	need(!control, "a write is lost, too");
	if (nr)
		conclude(BUG, "memory has lost what recv() from AF_ALG has returned");
	conclude(NO_BUG, "nothing is lost");
}
