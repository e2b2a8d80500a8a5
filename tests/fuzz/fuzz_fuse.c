/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container view's server, asked as the kernel may ask it: any operation on any node and handle
 * that the kernel has by then, with any names, numbers and data. Each request that wants a reply
 * gets one; nothing that is beside the view's root is read or changed; and when the kernel has
 * closed and forgotten all, nothing is left of it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "fs/fs.h"
#include "fs/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET_SIZE 16
#define REQUESTS_MAX 64
#define NODES_MAX 1024
#define HANDLES_MAX REQUESTS_MAX
#define FILE_SIZE_MAX (1 << 20)
#define IDLE_MAX 8 /* descriptors: so few that they are closed and found again all the time */
#define READ_MAX (128 << 10)
#define SETXATTR_IN_SIZE 8 /* FUSE_COMPAT_SETXATTR_IN_SIZE: without FUSE_SETXATTR_EXT */

enum gives { NOTHING, ENTRY, HANDLE, ENTRY_AND_HANDLE, ENTRIES };
enum on { NODE, FILE_HANDLE, DIRECTORY_HANDLE };

/* Where a struct has something, counted from 1; 0: nowhere. */
#define PLACE(type, member) (offsetof(type, member) + 1)

/* What an operation's request consists of: linux/fuse.h. */
struct operation {
	uint32_t opcode;
	enum on on;
	size_t body;  /* the size of its struct */
	size_t fh;    /* where that has the handle */
	size_t node;  /* and a second node: a PLACE */
	size_t limit; /* and how much is wanted, which the kernel limits: a PLACE */
	unsigned names;
	bool data; /* the rest is data, its size at LIMIT */
	enum gives gives;
};

static const struct operation operations[] = {
	{ FUSE_LOOKUP, .names = 1, .gives = ENTRY },
	{ FUSE_GETATTR, .body = sizeof(struct fuse_getattr_in) },
	{ FUSE_SETATTR, .body = sizeof(struct fuse_setattr_in) },
	{ FUSE_READLINK },
	{ FUSE_SYMLINK, .names = 2, .gives = ENTRY },
	{ FUSE_MKNOD, .body = sizeof(struct fuse_mknod_in), .names = 1, .gives = ENTRY },
	{ FUSE_MKDIR, .body = sizeof(struct fuse_mkdir_in), .names = 1, .gives = ENTRY },
	{ FUSE_UNLINK, .names = 1 },
	{ FUSE_RMDIR, .names = 1 },
	{ FUSE_RENAME, .body = sizeof(struct fuse_rename_in), .names = 2,
		.node = PLACE(struct fuse_rename_in, newdir) },
	{ FUSE_RENAME2, .body = sizeof(struct fuse_rename2_in), .names = 2,
		.node = PLACE(struct fuse_rename2_in, newdir) },
	{ FUSE_LINK, .body = sizeof(struct fuse_link_in), .names = 1, .gives = ENTRY,
		.node = PLACE(struct fuse_link_in, oldnodeid) },
	{ FUSE_OPEN, .body = sizeof(struct fuse_open_in), .gives = HANDLE },
	{ FUSE_CREATE, .body = sizeof(struct fuse_create_in), .names = 1,
		.gives = ENTRY_AND_HANDLE },
	{ FUSE_TMPFILE, .body = sizeof(struct fuse_create_in), .names = 1,
		.gives = ENTRY_AND_HANDLE },
	{ FUSE_READ, FILE_HANDLE, sizeof(struct fuse_read_in), offsetof(struct fuse_read_in, fh),
		.limit = PLACE(struct fuse_read_in, size) },
	{ FUSE_WRITE, FILE_HANDLE, sizeof(struct fuse_write_in), offsetof(struct fuse_write_in, fh),
		.limit = PLACE(struct fuse_write_in, size), .data = true },
	{ FUSE_FLUSH, FILE_HANDLE, sizeof(struct fuse_flush_in),
		offsetof(struct fuse_flush_in, fh) },
	{ FUSE_FSYNC, FILE_HANDLE, sizeof(struct fuse_fsync_in),
		offsetof(struct fuse_fsync_in, fh) },
	{ FUSE_FALLOCATE, FILE_HANDLE, sizeof(struct fuse_fallocate_in),
		offsetof(struct fuse_fallocate_in, fh) },
	{ FUSE_LSEEK, FILE_HANDLE, sizeof(struct fuse_lseek_in),
		offsetof(struct fuse_lseek_in, fh) },
	{ FUSE_COPY_FILE_RANGE, FILE_HANDLE, sizeof(struct fuse_copy_file_range_in),
		offsetof(struct fuse_copy_file_range_in, fh_in) },
	{ FUSE_GETLK, FILE_HANDLE, sizeof(struct fuse_lk_in), offsetof(struct fuse_lk_in, fh) },
	{ FUSE_SETLK, FILE_HANDLE, sizeof(struct fuse_lk_in), offsetof(struct fuse_lk_in, fh) },
	{ FUSE_RELEASE, FILE_HANDLE, sizeof(struct fuse_release_in),
		offsetof(struct fuse_release_in, fh) },
	{ FUSE_OPENDIR, .body = sizeof(struct fuse_open_in), .gives = HANDLE },
	{ FUSE_READDIR, DIRECTORY_HANDLE, sizeof(struct fuse_read_in),
		offsetof(struct fuse_read_in, fh), .limit = PLACE(struct fuse_read_in, size) },
	{ FUSE_READDIRPLUS, DIRECTORY_HANDLE, sizeof(struct fuse_read_in),
		offsetof(struct fuse_read_in, fh), .limit = PLACE(struct fuse_read_in, size),
		.gives = ENTRIES },
	{ FUSE_FSYNCDIR, DIRECTORY_HANDLE, sizeof(struct fuse_fsync_in),
		offsetof(struct fuse_fsync_in, fh) },
	{ FUSE_RELEASEDIR, DIRECTORY_HANDLE, sizeof(struct fuse_release_in),
		offsetof(struct fuse_release_in, fh) },
	{ FUSE_IOCTL, FILE_HANDLE, sizeof(struct fuse_ioctl_in), offsetof(struct fuse_ioctl_in, fh),
		.limit = PLACE(struct fuse_ioctl_in, in_size), .data = true },
	{ FUSE_SETXATTR, .body = SETXATTR_IN_SIZE, .names = 1, .data = true,
		.limit = PLACE(struct fuse_setxattr_in, size) },
	{ FUSE_GETXATTR, .body = sizeof(struct fuse_getxattr_in), .names = 1,
		.limit = PLACE(struct fuse_getxattr_in, size) },
	{ FUSE_LISTXATTR, .body = sizeof(struct fuse_getxattr_in),
		.limit = PLACE(struct fuse_getxattr_in, size) },
	{ FUSE_REMOVEXATTR, .names = 1 },
	{ FUSE_STATFS },
	{ FUSE_ACCESS, .body = sizeof(struct fuse_access_in) },
	{ FUSE_POLL, FILE_HANDLE, sizeof(struct fuse_poll_in), offsetof(struct fuse_poll_in, fh) },
	{ FUSE_FORGET, .body = sizeof(struct fuse_forget_in) },
};

struct node {
	uint64_t id;
	uint64_t lookups;
};

struct handle {
	uint64_t fh;
	uint64_t node;
	enum on kind;
};

/* What the kernel would know. */
static struct node nodes[NODES_MAX];
static size_t n_nodes;
static struct handle handles[HANDLES_MAX];
static size_t n_handles;

static struct fs fs;
static int kernel_fd; /* the other end of the server's device */
static int outside_fd;
static struct statx outside, secret;
static char secret_text[SECRET_SIZE + 1]; /* of a file beside the root */
static uint64_t unique;

struct input {
	const uint8_t *at;
	size_t left;
};

static void take(struct input *input, void *out, size_t size)
{
	size_t n = size < input->left ? size : input->left;

	memset(out, 0, size);
	memcpy(out, input->at, n);
	input->at += n;
	input->left -= n;
}

static size_t take_byte(struct input *input)
{
	uint8_t byte;

	take(input, &byte, sizeof(byte));
	return byte;
}

/* A name that is there, or any other. */
static size_t take_name(struct input *input, char *out)
{
	static const char *const names[] = { "dir", "file", "sub", "up", "away", "fifo", "new",
		"..", ".", "../secret", "/", "", "user.x", "security.capability",
		"system.posix_acl_access", "../../secret" };
	size_t n = take_byte(input);

	if (n < 0x80) {
		strcpy(out, names[n % ARRAY_SIZE(names)]);
	} else {
		take(input, out, n - 0x80);
		out[n - 0x80] = '\0';
	}
	return strlen(out) + 1;
}

static struct node *find_node(uint64_t id)
{
	for (size_t i = 0; i < n_nodes; i++) {
		if (nodes[i].id == id) {
			return &nodes[i];
		}
	}
	return NULL;
}

static void know_node(uint64_t id)
{
	struct node *node = find_node(id);

	if (id == 0) {
		return;
	}
	if (node == NULL) {
		if (n_nodes == NODES_MAX) {
			abort();
		}
		node = &nodes[n_nodes++];
		*node = (struct node){ .id = id };
	}
	node->lookups++;
}

static bool is_open(uint64_t id)
{
	for (size_t i = 0; i < n_handles; i++) {
		if (handles[i].node == id) {
			return true;
		}
	}
	return false;
}

static void know_entries(const char *at, size_t size)
{
	while (size >= sizeof(struct fuse_direntplus)) {
		struct fuse_direntplus entry;

		memcpy(&entry, at, sizeof(entry));
		size_t length = FUSE_DIRENTPLUS_SIZE(&entry);
		if (length > size) {
			abort();
		}
		know_node(entry.entry_out.nodeid);
		at += length;
		size -= length;
	}
}

static void know_handle(const char *at, uint64_t node, enum on kind)
{
	struct fuse_open_out open;

	memcpy(&open, at, sizeof(open));
	handles[n_handles++] = (struct handle){ open.fh, node, kind };
}

/* What the reply's BODY tells the kernel. */
static void learn(const struct operation *operation, uint64_t node, const char *body, size_t size)
{
	struct fuse_entry_out entry;

	switch (operation->gives) {
	case ENTRY:
	case ENTRY_AND_HANDLE:
		memcpy(&entry, body, sizeof(entry));
		know_node(entry.nodeid);
		if (operation->gives == ENTRY_AND_HANDLE) {
			know_handle(body + sizeof(entry), entry.nodeid, FILE_HANDLE);
		}
		break;
	case HANDLE:
		know_handle(body, node,
			operation->opcode == FUSE_OPENDIR ? DIRECTORY_HANDLE : FILE_HANDLE);
		break;
	case ENTRIES:
		know_entries(body, size);
		break;
	case NOTHING:
		break;
	}
}

/* The fuzzer watches comparisons, and would learn the secret from them. */
__attribute__((no_sanitize("coverage"))) static bool tells_secret(const char *data, size_t size)
{
	for (size_t i = 0; i + SECRET_SIZE <= size; i++) {
		size_t n = 0;

		while (n < SECRET_SIZE && data[i + n] == secret_text[n]) {
			n++;
		}
		if (n == SECRET_SIZE) {
			return true;
		}
	}
	return false;
}

/* Takes the next message, but for those that tell the kernel what it may not trust any more.
 * Returns its size, or -1 where there is none. */
static ssize_t take_message(char *message, size_t size)
{
	const struct fuse_out_header *out = (const void *)message;
	ssize_t n;

	do {
		n = recv(kernel_fd, message, size, MSG_DONTWAIT);
	} while (n >= (ssize_t)sizeof(*out) && out->unique == 0 && out->len == (size_t)n &&
		 (out->error == FUSE_NOTIFY_INVAL_INODE || out->error == FUSE_NOTIFY_INVAL_ENTRY));
	return n;
}

/* Sends REQUEST, of SIZE bytes. Returns the size of the reply's body, or -1 where it is an error.
 */
static ssize_t ask(char *request, size_t size, bool wants_reply, char **body)
{
	static _Alignas(8) char reply[sizeof(struct fuse_out_header) + FILE_SIZE_MAX];
	struct fuse_in_header *in = (void *)request;
	static _Alignas(8) char rest[256];
	struct fuse_out_header out;
	struct fuse_buf buf = { .mem = request, .size = size };

	in->len = (uint32_t)size;
	in->unique = ++unique;
	loop_process(&fs, &buf);
	ssize_t n = take_message(reply, sizeof(reply));
	if (!wants_reply) {
		return n < 0 ? 0 : (abort(), -1);
	}
	if (n < (ssize_t)sizeof(out)) {
		abort();
	}
	memcpy(&out, reply, sizeof(out));
	if (out.len != (size_t)n || out.unique != unique || out.error > 0 || out.error < -4095 ||
		take_message(rest, sizeof(rest)) >= 0 || tells_secret(reply, (size_t)n)) {
		abort();
	}
	*body = reply + sizeof(out);
	return out.error != 0 ? -1 : n - (ssize_t)sizeof(out);
}

/* One of the open handles of KIND; NULL: there is none. */
static struct handle *choose_handle(enum on kind, size_t n)
{
	for (size_t i = 0; i < n_handles; i++) {
		struct handle *handle = &handles[(n + i) % n_handles];

		if (handle->kind == kind) {
			return handle;
		}
	}
	return NULL;
}

static const uint32_t ioctls[] = { FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_GETVERSION,
	FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, FIONREAD };

/* The numbers that the kernel itself answers for are made right. False: it would not ask this. */
static bool correct(const struct operation *operation, uint64_t node, char *body, size_t choice)
{
	struct fuse_getattr_in *getattr = (void *)body;
	struct fuse_setattr_in *setattr = (void *)body;
	struct fuse_copy_file_range_in *copy = (void *)body;
	struct fuse_ioctl_in *io = (void *)body;
	struct fuse_lk_in *lock = (void *)body;
	struct fuse_forget_in *forget = (void *)body;
	const struct handle *file = choose_handle(FILE_HANDLE, choice);
	const struct node *known = find_node(node);

	switch (operation->opcode) {
	case FUSE_GETATTR:
		getattr->getattr_flags = file != NULL ? getattr->getattr_flags : 0;
		getattr->fh = file != NULL ? file->fh : 0;
		return true;
	case FUSE_SETATTR:
		setattr->valid &= file != NULL ? ~0u : ~(uint32_t)FATTR_FH;
		setattr->fh = file != NULL ? file->fh : 0;
		return true;
	case FUSE_COPY_FILE_RANGE:
		copy->nodeid_out = file->node;
		copy->fh_out = file->fh;
		return true;
	case FUSE_IOCTL:
		io->cmd = io->cmd < 0x80000000u ? ioctls[io->cmd % ARRAY_SIZE(ioctls)] : io->cmd;
		io->flags &= ~(uint32_t)FUSE_IOCTL_DIR;
		io->out_size %= READ_MAX;
		return true;
	case FUSE_SETLK:
		/* flock(2) is answered later where it has to wait. */
		lock->lk_flags &= ~(uint32_t)FUSE_LK_FLOCK;
		return true;
	case FUSE_FORGET:
		forget->nlookup %= known != NULL ? known->lookups + 1 : 1;
		return forget->nlookup > 0 && !is_open(node);
	default:
		return true;
	}
}

static void release(struct handle *handle)
{
	*handle = handles[--n_handles];
}

static void forget(uint64_t id, uint64_t lookups)
{
	struct node *node = find_node(id);

	node->lookups -= lookups;
	if (node->lookups == 0) {
		*node = nodes[--n_nodes];
	}
}

static uint64_t choose_node(size_t choice)
{
	size_t n = choice % (n_nodes + 1);

	return n == 0 ? FUSE_ROOT_ID : nodes[n - 1].id;
}

static void fill_header(struct fuse_in_header *in, struct input *input)
{
	static const uint32_t ids[] = { 0, 1, 1000, 65534, 65535, 65536, UINT32_MAX };

	in->uid = ids[take_byte(input) % ARRAY_SIZE(ids)];
	in->gid = ids[take_byte(input) % ARRAY_SIZE(ids)];
	in->pid = take_byte(input) % 8 == 0 ? 0 : (uint32_t)getpid();
}

/* One request of what the input says. */
static void request(struct input *input)
{
	static _Alignas(8) char message[sizeof(struct fuse_in_header) + 128 + 512 + FILE_SIZE_MAX];
	const struct operation *operation = &operations[take_byte(input) % ARRAY_SIZE(operations)];
	struct fuse_in_header *in = (void *)message;
	char *body = message + sizeof(*in);
	size_t choice = take_byte(input);
	struct handle *handle = NULL;
	char *answer;

	memset(in, 0, sizeof(*in));
	in->opcode = operation->opcode;
	in->nodeid = choose_node(choice);
	fill_header(in, input);
	take(input, body, operation->body);
	if (operation->on != NODE) {
		handle = choose_handle(operation->on, choice);
		if (handle == NULL) {
			return;
		}
		in->nodeid = handle->node;
		memcpy(body + operation->fh, &handle->fh, sizeof(handle->fh));
	}
	if (operation->node != 0) {
		uint64_t other = choose_node(take_byte(input));

		memcpy(body + operation->node - 1, &other, sizeof(other));
	}
	if (!correct(operation, in->nodeid, body, take_byte(input))) {
		return;
	}
	char *end = body + operation->body;
	for (unsigned i = 0; i < operation->names; i++) {
		end += take_name(input, end);
	}
	size_t n_data = operation->data ? take_byte(input) : 0;
	take(input, end, n_data);
	if (operation->limit != 0) {
		uint32_t limit;

		memcpy(&limit, body + operation->limit - 1, sizeof(limit));
		limit = operation->data ? (uint32_t)n_data : limit % (READ_MAX + 1);
		memcpy(body + operation->limit - 1, &limit, sizeof(limit));
	}
	const struct fuse_forget_in forgotten = *(struct fuse_forget_in *)body;
	uint64_t node = in->nodeid;
	ssize_t n = ask(message, (size_t)(end - message) + n_data, operation->opcode != FUSE_FORGET,
		&answer);
	if (operation->opcode == FUSE_RELEASE || operation->opcode == FUSE_RELEASEDIR) {
		release(handle);
	} else if (operation->opcode == FUSE_FORGET) {
		forget(node, forgotten.nlookup);
	} else if (n > 0) {
		learn(operation, node, answer, (size_t)n);
	}
}

/* The kernel closes and forgets all that it still has, as at an unmount. */
static void forget_all(void)
{
	_Alignas(8) char message[sizeof(struct fuse_in_header) + sizeof(struct fuse_release_in)];
	struct fuse_in_header *in = (void *)message;
	char *unused;

	while (n_handles > 0) {
		struct fuse_release_in body = { .fh = handles[0].fh };

		*in = (struct fuse_in_header){ .nodeid = handles[0].node,
			.opcode = handles[0].kind == FILE_HANDLE ? FUSE_RELEASE : FUSE_RELEASEDIR };
		memcpy(in + 1, &body, sizeof(body));
		ask(message, sizeof(message), true, &unused);
		release(&handles[0]);
	}
	while (n_nodes > 0) {
		struct fuse_forget_in body = { .nlookup = nodes[0].lookups };

		*in = (struct fuse_in_header){ .nodeid = nodes[0].id, .opcode = FUSE_FORGET };
		memcpy(in + 1, &body, sizeof(body));
		ask(message, sizeof(*in) + sizeof(body), false, &unused);
		forget(nodes[0].id, nodes[0].lookups);
	}
}

static bool same(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_nlink == b->stx_nlink &&
	       memcmp(&a->stx_ctime, &b->stx_ctime, sizeof(a->stx_ctime)) == 0 &&
	       memcmp(&a->stx_mtime, &b->stx_mtime, sizeof(a->stx_mtime)) == 0;
}

static void look_outside(struct statx *directory, struct statx *file)
{
	if (statx(outside_fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, directory) != 0 ||
		statx(outside_fd, "secret", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, file) != 0) {
		abort();
	}
}

static void run(const char *command)
{
	if (system(command) != 0) {
		abort();
	}
}

static void remove_outside(void)
{
	char command[PATH_MAX + 16];
	char path[PATH_MAX];
	ssize_t n = readlinkat(fs.self_fd, fs_fd_name(outside_fd).text, path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	run(command);
}

static void remove_all(int dir_fd)
{
	DIR *dir = fdopendir(dir_fd);
	const struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..")) {
			continue;
		}
		if (unlinkat(dir_fd, entry->d_name, 0) == 0) {
			continue;
		}
		int fd = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (fd >= 0) {
			remove_all(fd);
		}
		unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

static void write_file(int dir_fd, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		abort();
	}
}

static void make_tree(void)
{
	remove_all(openat(fs.root_fd, ".", O_RDONLY | O_DIRECTORY));
	if (mkdirat(fs.root_fd, "dir", 0755) != 0 || mkdirat(fs.root_fd, "dir/sub", 0777) != 0 ||
		symlinkat("../secret", fs.root_fd, "up") != 0 ||
		symlinkat("/../secret", fs.root_fd, "dir/away") != 0 ||
		mkfifoat(fs.root_fd, "fifo", 0666) != 0) {
		abort();
	}
	write_file(fs.root_fd, "file", "text");
	write_file(fs.root_fd, "dir/file", "more text\n");
}

/* What this process may do beyond the tree, and what would make that impossible to remove. */
static void limit_self(void)
{
	const struct rlimit file_size = { FILE_SIZE_MAX, FILE_SIZE_MAX };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	signal(SIGXFSZ, SIG_IGN);
	umask(0);
	if (setrlimit(RLIMIT_FSIZE, &file_size) != 0 || syscall(SYS_capget, &header, caps) != 0) {
		abort();
	}
	caps[0].effective &= ~CAP_TO_MASK(CAP_LINUX_IMMUTABLE);
	if (syscall(SYS_capset, &header, caps) != 0) {
		abort();
	}
}

static ssize_t device_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	return writev(fd, iov, count);
}

static ssize_t device_read(int fd, void *data, size_t size, void *userdata)
{
	return read(fd, data, size);
}

static void make_secret(void)
{
	uint8_t bytes[SECRET_SIZE];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		abort();
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		secret_text[i] = (char)('a' + bytes[i] % 26);
	}
}

static void begin(void)
{
	static const struct fuse_custom_io io = { .writev = device_writev, .read = device_read };
	static _Alignas(
		8) char message[sizeof(struct fuse_in_header) + sizeof(struct fuse_init_in)];
	struct fuse_in_header *in = (void *)message;
	struct fuse_init_in *init = (void *)(in + 1);
	char path[PATH_MAX];
	const char *tmp = getenv("TMPDIR");
	int device[2];
	char *unused;

	limit_self();
	snprintf(path, sizeof(path), "%s/sp-fuzz-fuse.XXXXXX", tmp != NULL ? tmp : "/tmp");
	outside_fd = mkdtemp(path) != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (outside_fd < 0 || mkdirat(outside_fd, "root", 0755) != 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, device) != 0) {
		abort();
	}
	kernel_fd = device[1];
	make_secret();
	write_file(outside_fd, "secret", secret_text);
	look_outside(&outside, &secret);

	static struct wire_fs_start start = { .view = WIRE_VIEW_CONTAINER,
		.owner_uid = UINT32_MAX,
		.n_uid_ranges = 1,
		.n_gid_ranges = 1,
		.uid_ranges = { { 0, 100000, 65536 } },
		.gid_ranges = { { 0, 100000, 65536 } } };
	fs.root_fd = openat(outside_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fs.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fs.self_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	tool_init(&fs, -1);
	if (fchdir(fs.self_fd) != 0 || fs_init(&fs, &start, IDLE_MAX, NULL) != 0 ||
		fuse_session_custom_io(fs.session, &io, device[0]) != 0) {
		abort();
	}
	*in = (struct fuse_in_header){ .opcode = FUSE_INIT };
	*init = (struct fuse_init_in){ .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = READ_MAX,
		.flags = FUSE_SETXATTR_EXT - 1 };
	if (ask(message, sizeof(message), true, &unused) < 0) {
		abort();
	}
	atexit(remove_outside);
}

/* The lowest free descriptor: the same where none was left open. */
static int lowest(void)
{
	_cleanup_close_ int fd = dup(kernel_fd);

	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct statx directory_now, secret_now;

	if (fs.session == NULL) {
		begin();
	}
	make_tree();
	size_t inodes = fs.inodes.n_inodes;
	int free_fd = lowest();
	for (int i = 0; i < REQUESTS_MAX && input.left > 0; i++) {
		request(&input);
	}
	forget_all();
	dir_forget(&fs, fs.inodes.root);
	inode_shed(&fs.inodes);
	look_outside(&directory_now, &secret_now);
	if (fs.inodes.n_inodes != inodes || lowest() != free_fd ||
		!same(&directory_now, &outside) || !same(&secret_now, &secret)) {
		abort();
	}
	return 0;
}
