/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading directories. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/fs.h"
#include "fs/kind.h"
#include "fs/watch_table.h"

#define BUFFER_SIZE 32768

/* Streams that nobody may ever go on with: so many, and so long. */
#define STREAMS_MAX 32
#define STREAM_IDLE_MS 5000

/* Where the root's listing stands after the synthetic "c", which comes last. No file system of
 * Linux hands out this offset. */
#define AFTER_SYNTHETIC ((off_t)0x7ffffffffffffff1)

/* An entry as getdents64(2) gives it. */
struct raw_entry {
	uint64_t ino;
	int64_t off;
	uint16_t length;
	uint8_t type;
	char name[];
};

/*
 * A directory that is being read. The kernel doesn't say when that begins and ends, since it keeps
 * the listings (FUSE_NO_OPENDIR_SUPPORT): a stream is found by its directory and where it stands.
 */
struct stream {
	struct stream *next;
	struct inode *inode; /* with a ref */
	int fd;
	bool pseudo;
	bool bare; /* see walker.h */
	struct statx stx;
	struct look begun;  /* of the look at the directory that it began with */
	int64_t idle_since; /* watch_now() */
	off_t at;	    /* the offset that the next entry in the buffer begins at */
	size_t used, filled;
	_Alignas(8) char buffer[BUFFER_SIZE];
};

void dir_init(struct fs *fs)
{
	pthread_mutex_init(&fs->streams.lock, NULL);
}

/* Opens DIR to be read by CALLER. Returns the descriptor or a negative errno. */
static int open_real(struct fs *fs, struct inode *dir, const struct caller *caller, bool *pseudo)
{
	uint32_t uid, gid;
	int r = name_owner(fs, fs->root_fd, caller, &uid, &gid);
	int path_fd = inode_fd_get(&fs->inodes, dir);

	if (path_fd < 0) {
		return path_fd;
	}
	*pseudo = kind_of(dir, path_fd) == KIND_PSEUDO;
	if (r < 0 && *pseudo) {
		inode_fd_put(&fs->inodes, dir);
		return r;
	}
	int fd;

	do {
		if (*pseudo) {
			identity_assume_fully(&fs->identity, uid, gid);
		}
		fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
		if (*pseudo) {
			identity_resume(&fs->identity);
		}
	} while ((fd == -EMFILE || fd == -ENFILE) && inode_shed(&fs->inodes));
	inode_fd_put(&fs->inodes, dir);
	return fd;
}

int dir_open(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	struct inode *dir = fs_inode(fs, ino);
	const struct caller caller = name_caller(req);
	bool pseudo;
	int r = identity_check(&fs->identity, caller.pid);

	return r < 0 ? r : dir->synthetic ? -ENOTTY : open_real(fs, dir, &caller, &pseudo);
}

static void stream_free(struct fs *fs, struct stream *stream)
{
	close(stream->fd);
	inode_unref(&fs->inodes, stream->inode);
	free(stream);
}

static void free_all(struct fs *fs, struct stream *stream)
{
	while (stream != NULL) {
		struct stream *next = stream->next;

		stream_free(fs, stream);
		stream = next;
	}
}

static struct stream *stream_new(
	struct fs *fs, struct inode *dir, const struct caller *caller, int *r)
{
	struct stream *stream = malloc(sizeof(*stream));

	if (stream == NULL) {
		*r = -ENOMEM;
		return NULL;
	}
	memset(stream, 0, offsetof(struct stream, buffer));
	stream->fd = open_real(fs, dir, caller, &stream->pseudo);
	if (stream->fd < 0) {
		*r = stream->fd;
		free(stream);
		return NULL;
	}
	statx(stream->fd, "", AT_EMPTY_PATH, INODE_STATX_MASK, &stream->stx);
	inode_ref(&fs->inodes, dir);
	stream->inode = dir;
	return stream;
}

/* The stream of DIR that stands at OFF, or a new one; NULL with *R a negative errno. */
static struct stream *stream_get(
	struct fs *fs, struct inode *dir, off_t off, const struct caller *caller, int *r)
{
	struct stream *found = NULL;

	pthread_mutex_lock(&fs->streams.lock);
	for (struct stream **at = &fs->streams.idle; *at != NULL && off != 0; at = &(*at)->next) {
		if ((*at)->inode == dir && (*at)->at == off) {
			found = *at;
			*at = found->next;
			fs->streams.n_idle--;
			break;
		}
	}
	pthread_mutex_unlock(&fs->streams.lock);
	return found != NULL ? found : stream_new(fs, dir, caller, r);
}

void dir_forget(struct fs *fs, const struct inode *dir)
{
	struct stream *gone = NULL;

	pthread_mutex_lock(&fs->streams.lock);
	for (struct stream **at = &fs->streams.idle; *at != NULL;) {
		struct stream *stream = *at;

		if (dir != NULL && stream->inode != dir) {
			at = &stream->next;
			continue;
		}
		*at = stream->next;
		fs->streams.n_idle--;
		stream->next = gone;
		gone = stream;
	}
	pthread_mutex_unlock(&fs->streams.lock);
	free_all(fs, gone);
}

/* Keeps STREAM for who reads on, and frees those that nobody went on with. */
static void stream_put(struct fs *fs, struct stream *stream)
{
	struct stream *old = NULL;
	int64_t now = watch_now();

	/* What these show depends on who opened them. */
	if (stream->pseudo) {
		stream_free(fs, stream);
		return;
	}
	stream->idle_since = now;
	pthread_mutex_lock(&fs->streams.lock);
	stream->next = fs->streams.idle;
	fs->streams.idle = stream;
	fs->streams.n_idle++;
	/* The newest is first. */
	struct stream **at = &stream->next;

	for (size_t n = 1; *at != NULL; n++) {
		if (n >= STREAMS_MAX || now - (*at)->idle_since > STREAM_IDLE_MS) {
			old = *at;
			*at = NULL;
			fs->streams.n_idle = n;
			break;
		}
		at = &(*at)->next;
	}
	pthread_mutex_unlock(&fs->streams.lock);
	free_all(fs, old);
}

/*
 * Where the kernel can't be told of changes it asks before it reads a directory, and keeps no
 * listing.
 */
void dir_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	int r = fs->watch.on ? -ENOSYS : identity_check(&fs->identity, fuse_req_ctx(req)->pid);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	fuse_reply_open(req, fi);
}

void dir_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (!fs_inode(fs_of(req), ino)->synthetic) {
		fd = dir_open(req, ino);
		r = fd < 0 ? -fd : (datasync ? fdatasync(fd) : fsync(fd)) == 0 ? 0 : errno;
	}
	fuse_reply_err(req, r);
}

/* The entry at the stream's place, which it stays at; NULL at the end. *R is a negative errno on
 * failure. */
static const struct raw_entry *peek(struct stream *stream, int *r)
{
	if (stream->used >= stream->filled) {
		long n =
			syscall(SYS_getdents64, stream->fd, stream->buffer, sizeof(stream->buffer));

		if (n <= 0) {
			*r = n < 0 ? -errno : 0;
			return NULL;
		}
		stream->used = 0;
		stream->filled = (size_t)n;
	}
	return (const struct raw_entry *)(const void *)(stream->buffer + stream->used);
}

static void advance(struct stream *stream, const struct raw_entry *entry)
{
	stream->used += entry->length;
	stream->at = entry->off;
}

static int seek(struct stream *stream, off_t off)
{
	if (off == stream->at) {
		return 0;
	}
	if (lseek(stream->fd, off, SEEK_SET) < 0) {
		return -errno;
	}
	stream->used = 0;
	stream->filled = 0;
	stream->at = off;
	return 0;
}

/* What is being filled for the kernel. */
struct listing {
	struct fs *fs;
	fuse_req_t req;
	bool plus;
	bool bare;	/* of files the names alone */
	bool promising; /* what is looked up for the kernel, it may use */
	char *data;
	size_t size, used;
};

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* False where there's no room for it any more. */
static bool add(struct listing *list, struct inode *parent, const char *name, uint64_t ino,
	uint8_t type, off_t off)
{
	struct fuse_entry_param entry = { 0 };
	size_t room = list->size - list->used;
	size_t n;

	entry.attr.st_ino = ino;
	entry.attr.st_mode = (mode_t)type << 12;
	if (!list->plus) {
		n = fuse_add_direntry(
			list->req, list->data + list->used, room, name, &entry.attr, off);
	} else {
		if (fuse_add_direntry_plus(list->req, NULL, 0, name, &entry, off) > room) {
			return false;
		}
		bool named = list->bare && type != DT_DIR && type != DT_UNKNOWN;

		/* one that can't be looked up is listed all the same, without its attributes */
		if (!list->promising || named || is_dots(name) ||
			lookup_entry(list->fs, parent, name, &entry) < 0) {
			memset(&entry, 0, sizeof(entry));
			entry.attr.st_ino = ino;
			entry.attr.st_mode = (mode_t)type << 12;
		}
		n = fuse_add_direntry_plus(
			list->req, list->data + list->used, room, name, &entry, off);
	}
	if (n > room) {
		return false;
	}
	list->used += n;
	return true;
}

static void list_synthetic(struct listing *list, const struct inode *dir, off_t off)
{
	static const char *const names[] = { ".", ".." };

	for (off_t i = off; i >= 0 && i < 2; i++) {
		if (!add(list, NULL, names[i], dir->key.ino, DT_DIR, i + 1)) {
			return;
		}
	}
}

/* "c", where the host has none of its own. */
static void list_container(struct listing *list, struct stream *stream)
{
	const struct inode *c = list->fs->synthetic[FS_SYNTHETIC_CONTAINER];
	struct stat st;

	if (list->fs->container || stream->inode != list->fs->inodes.root ||
		fstatat(stream->fd, "c", &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0) {
		return;
	}
	if (add(list, stream->inode, "c", c->key.ino, DT_DIR, AFTER_SYNTHETIC)) {
		stream->at = AFTER_SYNTHETIC;
	}
}

static int list_real(struct listing *list, struct stream *stream, off_t off)
{
	int r = off == AFTER_SYNTHETIC ? 0 : seek(stream, off);
	const struct raw_entry *entry;

	if (r < 0 || off == AFTER_SYNTHETIC) {
		return r;
	}
	while ((entry = peek(stream, &r)) != NULL) {
		if (!add(list, stream->inode, entry->name,
			    attr_ino(list->fs, &stream->stx, entry->ino), entry->type,
			    entry->off)) {
			return 0;
		}
		advance(stream, entry);
	}
	if (r == 0) {
		list_container(list, stream);
	}
	return list->used > 0 ? 0 : r;
}

/* Reads on in DIR from OFF, and watches what the kernel may keep of it. */
static int list_from(
	struct listing *list, struct inode *dir, off_t off, const struct caller *caller)
{
	struct fs *fs = list->fs;
	struct look look;
	int r = 0;
	struct stream *stream = stream_get(fs, dir, off, caller, &r);

	if (stream == NULL) {
		return r;
	}
	watch_look(fs, dir, stream->fd, off == 0 ? WATCH_LISTED : 0, &look);
	if (off == 0) {
		stream->begun = look;
		stream->bare = list->plus && walker_lists(&fs->walkers, caller->pid, dir);
	}
	list->bare = stream->bare;
	list->promising = look.promising;
	watch_listing(fs, dir);
	r = list_real(list, stream, off);
	if (r == 0 && list->used > 0) {
		stream_put(fs, stream);
		return 0;
	}
	/* The kernel has it all, and will keep it. */
	if (r == 0) {
		watch_listed(fs, dir, &stream->begun);
	}
	stream_free(fs, stream);
	return r;
}

static void read_entries(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct fs *fs = fs_of(req);
	struct inode *dir = fs_inode(fs, ino);
	const struct caller caller = name_caller(req);
	struct listing list = { .fs = fs, .req = req, .plus = plus, .size = size };
	_cleanup_free_ char *data = malloc(size);
	int r = data == NULL ? -ENOMEM : identity_check(&fs->identity, caller.pid);

	list.data = data;
	if (r == 0 && dir->synthetic) {
		list_synthetic(&list, dir, off);
	} else if (r == 0) {
		r = list_from(&list, dir, off, &caller);
	}
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	fuse_reply_buf(req, list.data, list.used);
}

void dir_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	read_entries(req, ino, size, off, false);
}

void dir_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	read_entries(req, ino, size, off, true);
}
