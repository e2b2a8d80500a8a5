/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The threads that serve, and the one request that the library may not know. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "fs/fs.h"
#include "fs/protocol.h"

/* A request may take its time on a slow file system, and then others shall go on. */
#define THREADS_MAX 64
/* Fewer would be made and ended again and again for a program with many threads of its own, as git
 * has 20; one that waits has 10 KiB. */
#define IDLE_MAX 20

static void start_thread(struct fs *fs);

static uint32_t entry_nsec(double timeout)
{
	return (uint32_t)((timeout - (double)(uint64_t)timeout) * 1e9);
}

static void fill_attr(struct fuse_attr *out, const struct stat *st)
{
	out->ino = st->st_ino;
	out->size = (uint64_t)st->st_size;
	out->blocks = (uint64_t)st->st_blocks;
	out->atime = (uint64_t)st->st_atim.tv_sec;
	out->mtime = (uint64_t)st->st_mtim.tv_sec;
	out->ctime = (uint64_t)st->st_ctim.tv_sec;
	out->atimensec = (uint32_t)st->st_atim.tv_nsec;
	out->mtimensec = (uint32_t)st->st_mtim.tv_nsec;
	out->ctimensec = (uint32_t)st->st_ctim.tv_nsec;
	out->mode = st->st_mode;
	out->nlink = (uint32_t)st->st_nlink;
	out->uid = st->st_uid;
	out->gid = st->st_gid;
	out->blksize = (uint32_t)st->st_blksize;
}

void protocol_fill_entry(struct fuse_entry_out *out, const struct fuse_entry_param *entry)
{
	out->nodeid = entry->ino;
	out->generation = entry->generation;
	out->entry_valid = (uint64_t)entry->entry_timeout;
	out->entry_valid_nsec = entry_nsec(entry->entry_timeout);
	out->attr_valid = (uint64_t)entry->attr_timeout;
	out->attr_valid_nsec = entry_nsec(entry->attr_timeout);
	fill_attr(&out->attr, &entry->attr);
}

static void reply_raw(struct fs *fs, const void *reply, size_t size)
{
	/* Fails only where the connection is gone, which the next read will say. */
	if (write(fuse_session_fd(fs->session), reply, size) < 0) {
		return;
	}
}

/* FUSE_TMPFILE, for which the library has no handler. */
static void serve_tmpfile(struct fs *fs, const struct fuse_in_header *in)
{
	const struct fuse_create_in *arg = (const void *)(in + 1);
	struct {
		struct fuse_out_header header;
		struct fuse_entry_out entry;
		struct protocol_open_out open;
	} out = { .header.unique = in->unique };
	struct caller caller = { in->uid, in->gid, (pid_t)in->pid, arg->umask };
	struct fuse_file_info fi = { .flags = (int)arg->flags };
	struct fuse_entry_param entry;
	int r = fs->read_only ? -EROFS : identity_check(&fs->identity, caller.pid);

	if (r == 0) {
		r = file_tmpfile(
			fs, fs_inode(fs, in->nodeid), &caller, (mode_t)arg->mode, &fi, &entry);
	}
	if (r < 0) {
		out.header.error = r;
		out.header.len = sizeof(out.header);
		reply_raw(fs, &out.header, sizeof(out.header));
		return;
	}
	protocol_fill_entry(&out.entry, &entry);
	out.open.fh = fi.fh;
	out.open.open_flags =
		(fi.direct_io ? FOPEN_DIRECT_IO : 0) | (fi.noflush ? FOPEN_NOFLUSH : 0);
	out.open.backing_id = file_of(&fi)->backing_id;
	if (out.open.backing_id != 0) {
		out.open.open_flags |= FOPEN_PASSTHROUGH;
	}
	out.header.len = sizeof(out);
	reply_raw(fs, &out, sizeof(out));
}

static bool is_tmpfile(const struct fuse_buf *buf)
{
	const struct fuse_in_header *in = buf->mem;

	return !(buf->flags & FUSE_BUF_IS_FD) &&
	       buf->size >= sizeof(*in) + sizeof(struct fuse_create_in) &&
	       in->opcode == FUSE_TMPFILE;
}

void loop_process(struct fs *fs, const struct fuse_buf *buf)
{
	if (is_tmpfile(buf)) {
		serve_tmpfile(fs, buf->mem);
	} else {
		fuse_session_process_buf(fs->session, buf);
	}
}

/* Of a thread that is counted as an idle one. */
static void serve(struct fs *fs)
{
	struct fuse_buf buf = { 0 };

	for (;;) {
		int r = fuse_session_receive_buf(fs->session, &buf);

		if (r == -EINTR || r == -EAGAIN) {
			continue;
		}
		if (r <= 0) {
			_exit(r == 0 || r == -ENODEV || r == -ECONNABORTED ? 0 : 1);
		}
		if (atomic_fetch_sub(&fs->idle_threads, 1) == 1) {
			start_thread(fs);
		}
		loop_process(fs, &buf);
		if (atomic_fetch_add(&fs->idle_threads, 1) >= IDLE_MAX) {
			break;
		}
	}
	atomic_fetch_sub(&fs->idle_threads, 1);
	free(buf.mem);
}

static void *thread_run(void *data)
{
	struct fs *fs = data;

	/* an umask of its own; the working directory (fs->self_fd) comes along */
	if (unshare(CLONE_FS) != 0) {
		log_error("give a thread its own umask: %s", strerror(errno));
		_exit(1);
	}
	serve(fs);
	atomic_fetch_sub(&fs->threads, 1);
	return NULL;
}

static void start_thread(struct fs *fs)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (atomic_fetch_add(&fs->threads, 1) >= THREADS_MAX) {
		atomic_fetch_sub(&fs->threads, 1);
		return;
	}
	/* Idle from now on: where it has to wait for a processor, each request until then would
	 * have one more thread made. */
	atomic_fetch_add(&fs->idle_threads, 1);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, thread_run, fs) != 0) {
		atomic_fetch_sub(&fs->idle_threads, 1);
		atomic_fetch_sub(&fs->threads, 1);
	}
	pthread_attr_destroy(&attr);
}

int loop_start(struct fs *fs)
{
	for (int i = 0; i < 2; i++) {
		start_thread(fs);
	}
	return atomic_load(&fs->threads) > 0 ? 0 : -EAGAIN;
}
