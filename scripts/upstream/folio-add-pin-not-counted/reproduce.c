// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does /proc/vmstat count each pin that direct I/O takes and releases, in
 * nr_foll_pin_acquired and nr_foll_pin_released?
 *
 * The file system is FAT, which does direct I/O by fs/direct-io.c. Needs root and the
 * modules loop and vfat.
 */
#include "../reproduce.h"
#include <linux/loop.h>
#include <sys/mount.h>

#define SECTOR		512
#define SECTORS		32768
#define FAT_SECTORS	128
#define LEN		(64 * PAGE)

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = value;
	at[1] = value >> 8;
}

/* A FAT16 file system with clusters of a sector. */
static int make_image(void)
{
	unsigned char boot[SECTOR] = { 0xeb, 0x3c, 0x90 }, fat[SECTOR] = { 0xf8, 0xff, 0xff, 0xff };
	int fd = memfd_create("image", MFD_CLOEXEC);

	need(fd >= 0 && !ftruncate(fd, SECTORS * SECTOR), "memfd_create");
	memcpy(boot + 3, "pinscope", 8);
	put16(boot + 11, SECTOR);
	boot[13] = 1;			/* sectors of a cluster */
	put16(boot + 14, 1);		/* sectors before the FAT */
	boot[16] = 1;			/* FATs */
	put16(boot + 17, 512);		/* entries of the root directory */
	put16(boot + 19, SECTORS);
	boot[21] = 0xf8;		/* a fixed disk, as the FAT says too */
	put16(boot + 22, FAT_SECTORS);
	put16(boot + 510, 0xaa55);
	need(pwrite(fd, boot, sizeof(boot), 0) == sizeof(boot) &&
	     pwrite(fd, fat, sizeof(fat), SECTOR) == sizeof(fat), "write to the image");
	return fd;
}

static int fat_file(void)
{
	char dir[] = "/tmp/fat.XXXXXX", device[40], path[40];
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop, fd;

	need(control >= 0, "/dev/loop-control: modprobe loop");
	snprintf(device, sizeof(device), "/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
	loop = open(device, O_RDWR | O_CLOEXEC);
	need(loop >= 0 && !ioctl(loop, LOOP_SET_FD, make_image()), device);
	/* Some kernels do not mount what somebody can write to (BLK_DEV_WRITE_MOUNTED). */
	close(loop);
	need(mkdtemp(dir), "mkdtemp");
	need(!mount(device, dir, "vfat", 0, NULL), "mount of a FAT: modprobe vfat");
	/* It ends with the mount. */
	loop = open(device, O_RDONLY | O_CLOEXEC);
	need(loop >= 0 && !ioctl(loop, LOOP_CLR_FD), device);
	close(loop);
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	umount2(dir, MNT_DETACH);
	need(fd >= 0, "a file with O_DIRECT");
	return fd;
}

static void pins(long *acquired, long *released)
{
	int refresh = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	FILE *file = fopen("/proc/vmstat", "re");
	char name[80];
	long count;

	/* What processors have counted by themselves is added. */
	need(refresh >= 0 && write(refresh, "1", 1) == 1, "/proc/sys/vm/stat_refresh");
	close(refresh);
	*acquired = -1;
	need(file, "/proc/vmstat");
	while (fscanf(file, "%79s %ld", name, &count) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			*acquired = count;
		else if (!strcmp(name, "nr_foll_pin_released"))
			*released = count;
	}
	fclose(file);
	errno = 0;
	need(*acquired >= 0, "/proc/vmstat has no nr_foll_pin_acquired");
}

int main(void)
{
	char *buffer = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	long acquired, released, acquired_then = 0, released_then = 0;
	int fd = fat_file();

	need(buffer != MAP_FAILED && !madvise(buffer, LEN, MADV_NOHUGEPAGE), "mmap");
	memset(buffer, 1, LEN);
	/* Beyond the end of the file, FAT writes through the page cache. */
	need(pwrite(fd, buffer, LEN, 0) == LEN && !fsync(fd), "write");
	pins(&acquired_then, &released_then);
	need(pread(fd, buffer, LEN, 0) == LEN, "read with O_DIRECT");
	pins(&acquired, &released);
	acquired -= acquired_then;
	released -= released_then;
	errno = 0;
	need(acquired || released, "direct I/O does not pin");
	conclude(acquired == released ? NO_BUG : BUG,
		 "a read of %lu pages counted %ld pins acquired and %ld released",
		 LEN / PAGE, acquired, released);
}
