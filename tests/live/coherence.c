/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coherence REAL VIEW CHANGES SEED DIRS
 *
 * Makes random changes in so many directories of REAL, by itself, by another process, and through
 * VIEW, where the same files are seen through sallyport-fs. After each it compares at once, by
 * system calls that directly follow, what both say of the names that changed and of their
 * directory. All names were looked at through the view shortly before, so that the kernel has them.
 * Prints how many changes and how many stale answers there were; status 1 where there was one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 6
#define SAMPLE 65536
#define LINK 11 /* the kind of change */

enum who { OURSELVES, ANOTHER, THROUGH_VIEW, WHOS };
static const char *const who_names[WHOS] = { "ourselves", "another process", "the view" };

struct change {
	int kind;
	int base; /* descriptor of REAL or VIEW */
	char a[64], b[64];
	unsigned value;
};

static unsigned long state;

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static void write_file(int base, const char *name, int flags, unsigned value)
{
	char text[300];
	int fd = openat(base, name, flags | O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644);
	size_t n = 1 + value % 250;

	memset(text, 'a' + (int)(value % 26), sizeof(text));
	if (fd >= 0) {
		if (write(fd, text, n) < 0) {
			perror("write");
		}
		close(fd);
	}
}

static void keep_open(int base, const char *name, unsigned value)
{
	int fd = openat(base, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0) {
		if (ftruncate(fd, value % 5000) < 0 && errno != EINVAL) {
			perror("ftruncate");
		}
		fchmod(fd, 0600 | (value & 0177));
		close(fd);
	}
}

static void set_times(int base, const char *name, unsigned value)
{
	const struct timespec times[2] = { { value, 5 }, { value + 1, 7 } };

	utimensat(base, name, times, AT_SYMLINK_NOFOLLOW);
}

static void replace(int base, const char *name, unsigned value)
{
	write_file(base, "new", O_TRUNC, value);
	renameat(base, "new", base, name);
}

static void make(const struct change *c)
{
	switch (c->kind) {
	case 0:
	case 1:
		write_file(c->base, c->a, O_TRUNC, c->value);
		break;
	case 2:
		write_file(c->base, c->a, O_APPEND, c->value);
		break;
	case 3:
		unlinkat(c->base, c->a, 0);
		break;
	case 4:
	case 5:
		renameat(c->base, c->a, c->base, c->b);
		break;
	case 6:
		fchmodat(c->base, c->a, 0600 | (c->value & 0177), 0);
		break;
	case 7:
		set_times(c->base, c->a, c->value);
		break;
	case 8:
		mkdirat(c->base, c->a, 0755);
		break;
	case 9:
		unlinkat(c->base, c->a, AT_REMOVEDIR);
		break;
	case 10:
		symlinkat(c->b, c->base, c->a);
		break;
	case LINK:
		linkat(c->base, c->a, c->base, c->b, 0);
		break;
	case 12:
		keep_open(c->base, c->a, c->value);
		break;
	default:
		replace(c->base, c->a, c->value);
	}
}
#define KINDS 14

struct seen {
	int error;
	struct stat st;
	ssize_t size;
	char text[SAMPLE];
};

static void look(int base, const char *name, struct seen *seen)
{
	memset(seen, 0, offsetof(struct seen, text));
	seen->error = fstatat(base, name, &seen->st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
	if (seen->error != 0) {
		return;
	}
	if (S_ISLNK(seen->st.st_mode)) {
		seen->size = readlinkat(base, name, seen->text, SAMPLE);
	} else if (S_ISREG(seen->st.st_mode)) {
		int fd = openat(base, name, O_RDONLY | O_NOFOLLOW);

		seen->size = fd >= 0 ? read(fd, seen->text, SAMPLE) : -errno;
		close(fd);
	}
}

/* No event tells that a file got another name (watch.h); its count and time of change aren't
 * compared after that. */
static int differ(const struct seen *x, const struct seen *y, int kind)
{
	const struct stat *a = &x->st;
	const struct stat *b = &y->st;

	if (x->error != y->error) {
		return 1;
	}
	if (x->error != 0) {
		return 0;
	}
	if (a->st_mode != b->st_mode || a->st_ino != b->st_ino ||
		(kind != LINK && a->st_nlink != b->st_nlink)) {
		return 2;
	}
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec ||
		(kind != LINK && (a->st_ctim.tv_sec != b->st_ctim.tv_sec ||
					 a->st_ctim.tv_nsec != b->st_ctim.tv_nsec))) {
		return 3;
	}
	if (!S_ISDIR(a->st_mode) && a->st_size != b->st_size) {
		return 4;
	}
	return x->size != y->size || (x->size > 0 && memcmp(x->text, y->text, (size_t)x->size) != 0)
		       ? 5
		       : 0;
}

/* A sum of the names that a directory lists. */
static unsigned long listing(int base, const char *dir)
{
	int fd = openat(base, dir, O_RDONLY | O_DIRECTORY);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned long sum = 0;

	if (d == NULL) {
		return 1;
	}
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		unsigned long h = 5381;

		for (const char *at = e->d_name; *at != '\0'; at++) {
			h = h * 33 + (unsigned char)*at;
		}
		sum += h * h;
	}
	closedir(d);
	return sum;
}

static void other_process(int sock)
{
	struct change c;

	while (recv(sock, &c, sizeof(c), 0) == sizeof(c)) {
		make(&c);
		send(sock, "", 1, 0);
	}
	_exit(0);
}

static int check(int real, int view, const char *name, const struct change *c, int who)
{
	static struct seen a, b;

	look(view, name, &b);
	look(real, name, &a);
	int d = differ(&a, &b, c->kind);

	if (d != 0) {
		printf("stale: %s after change %d by %s (%d: errors %d and %d, sizes %ld and "
		       "%ld)\n",
			name, c->kind, who_names[who], d, a.error, b.error, (long)a.st.st_size,
			(long)b.st.st_size);
	}
	return d != 0;
}

/* A file that is open, here and there, from before a change. */
struct held {
	int real, view;
};

static struct held hold(int real, int view, const char *name)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
	struct stat st;

	if (fstatat(real, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) {
		return (struct held){ -1, -1 };
	}
	return (struct held){ openat(real, name, flags), openat(view, name, flags) };
}

/* What fstat(2) says of it, and closes it. */
static int check_held(const struct held *held, const struct change *c, int who)
{
	struct seen a = { 0 }, b = { 0 };

	if (held->real < 0 && held->view < 0) {
		return 0;
	}
	int bad = fstat(held->view, &b.st) != 0 || fstat(held->real, &a.st) != 0;
	int d = bad ? -1 : differ(&a, &b, c->kind);

	close(held->view);
	close(held->real);
	if (d != 0) {
		printf("stale: an open file after change %d by %s (%d: sizes %ld and %ld)\n",
			c->kind, who_names[who], d, (long)a.st.st_size, (long)b.st.st_size);
	}
	return d != 0;
}

static int check_dir(int real, int view, const char *name, const struct change *c, int who)
{
	char dir[64];
	struct stat a, b;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strchr(name, '/') - name), name);
	int bad = fstatat(view, dir, &b, 0) != 0 || fstatat(real, dir, &a, 0) != 0 ||
		  a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec ||
		  a.st_nlink != b.st_nlink;

	if (bad || listing(view, dir) != listing(real, dir)) {
		printf("stale: directory %s after change %d by %s (%s)\n", dir, c->kind,
			who_names[who], bad ? "attributes" : "listing");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int pair[2];
	int stale = 0;
	struct stat st;
	char dir[64], byte;

	if (argc != 6 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) {
		return 2;
	}
	int real = open(argv[1], O_PATH | O_DIRECTORY);
	int view = open(argv[2], O_PATH | O_DIRECTORY);
	int changes = atoi(argv[3]);
	int dirs = atoi(argv[5]);

	state = strtoul(argv[4], NULL, 10);
	if (real < 0 || view < 0 || dirs < 1) {
		perror("open");
		return 2;
	}
	if (fork() == 0) {
		close(pair[0]);
		other_process(pair[1]);
	}
	for (int i = 0; i < dirs; i++) {
		snprintf(dir, sizeof(dir), "d%d", i);
		mkdirat(real, dir, 0755);
	}
	for (int i = 0; i < changes; i++) {
		struct change c = { .kind = (int)pick(KINDS), .value = pick(1000000) };
		int who = (int)pick(WHOS);

		c.base = who == THROUGH_VIEW ? view : real;
		snprintf(c.a, sizeof(c.a), "d%u/n%u", pick((unsigned)dirs), pick(NAMES));
		snprintf(c.b, sizeof(c.b), "d%u/n%u", pick((unsigned)dirs), pick(NAMES));
		for (int j = 0; j < 3; j++) {
			fstatat(view, c.a, &st, AT_SYMLINK_NOFOLLOW);
			fstatat(view, c.b, &st, AT_SYMLINK_NOFOLLOW);
		}
		if (pick(4) == 0) {
			check_dir(real, view, c.a, &c, who);
		}
		struct held held = hold(real, view, c.a);

		if (who == ANOTHER) {
			send(pair[0], &c, sizeof(c), 0);
			recv(pair[0], &byte, 1, 0);
		} else {
			make(&c);
		}
		stale += check_held(&held, &c, who);
		stale += check(real, view, c.a, &c, who) + check(real, view, c.b, &c, who);
		stale += check_dir(real, view, c.a, &c, who);
	}
	printf("%d changes, %d stale\n", changes, stale);
	return stale != 0;
}
