/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What takes more than a system call. fuzz-test uses it, and prints into a program in C those
 * of these functions that it calls: each therefore stands alone, begins at the left and ends
 * with an empty line. They return what they have done, or -1 with errno.
 */

/* As the process itself would: by a fault in user memory, for each page of 1 MiB at most. */
static long touch(int zero, unsigned long addr, unsigned long len, int for_read)
{
	const unsigned long page = sysconf(_SC_PAGESIZE);
	unsigned long done;
	long ret;

	for (done = 0; done < len && done < 0x100000; done += page) {
		/* A path is read, and zeroes are written. */
		if (for_read)
			ret = access((char *)(addr + done), F_OK);
		else
			ret = read(zero, (char *)(addr + done), 1);
		if (ret < 0 && errno == EFAULT)
			return -1;
	}
	return 0;
}

/* To memory that may not be there. */
static long write_to(unsigned long addr, const void *from, unsigned long len)
{
	struct iovec local = { (void *)from, len }, remote = { (void *)addr, len };

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -1;
}

/* Puts a new file in the place of another one, which is closed. */
static long open_file(int *slot, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return -1;
	fd = __atomic_exchange_n(slot, fd, __ATOMIC_SEQ_CST);
	if (fd >= 0)
		close(fd);
	return 0;
}

/* Closes a file, whose place is free then. */
static long close_file(int *slot)
{
	return close(__atomic_exchange_n(slot, -1, __ATOMIC_SEQ_CST));
}

/* Reads a file that is text, with @len bytes at a time, four times. */
static long read_text(const char *path, unsigned long addr, unsigned long len, long offset)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), i;
	long ret = -1;

	if (fd < 0)
		return -1;
	if (offset)
		lseek(fd, offset, SEEK_SET);
	for (i = 0; i < 4; i++) {
		ret = read(fd, (void *)addr, len);
		if (ret <= 0)
			break;
	}
	i = errno;
	close(fd);
	errno = i;
	return ret;
}

/* Writes to a file that is there. */
static long write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), failure;
	long ret;

	if (fd < 0)
		return -1;
	ret = write(fd, text, strlen(text));
	failure = errno;
	close(fd);
	errno = failure;
	return ret;
}

/* A child that has the memory, too, until it is killed, or for a moment. */
static long start_child(pid_t *slot, int stay)
{
	pid_t pid, none = 0;

	if (*slot) {
		errno = EBUSY;
		return -1;
	}
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		while (stay)
			pause();
		_exit(0);
	}
	if (!__atomic_compare_exchange_n(slot, &none, pid, 0, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		kill(pid, SIGKILL);	/* who reaps all takes it */
	return 0;
}

/* A pidfd of a process that has ended. */
static int pidfd_of_dead(void)
{
	pid_t pid = fork();
	int fd;

	if (!pid)
		_exit(0);
	fd = syscall(SYS_pidfd_open, pid, 0);
	waitpid(pid, NULL, 0);
	return fd;
}

/* The thread's next calls fail at their n-th point that can; 0 ends that. Leaves errno alone. */
static void fail_nth(unsigned int n)
{
	static __thread int fd;
	int was = errno;
	char text[12];
	long ret;

	if (!fd)
		fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	/* Where the kernel cannot, or when the write itself is the point that fails: no matter. */
	ret = pwrite(fd, text, snprintf(text, sizeof(text), "%u", n), 0);
	(void)ret;
	errno = was;
}

/* What the thread may do as root, or nothing of it. */
static long set_capable(int all)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -1;
	data[0].effective = all ? data[0].permitted : 0;
	data[1].effective = all ? data[1].permitted : 0;
	return syscall(SYS_capset, &head, data);
}

/* The struct of an ioctl that claims to be of another size, and has zeroes behind it. */
static void *claim(char *buf, const void *arg, unsigned long size, unsigned int claimed)
{
	memset(buf, 0, 2 * sysconf(_SC_PAGESIZE));
	memcpy(buf, arg, size);
	memcpy(buf, &claimed, sizeof(claimed));
	return buf;
}

