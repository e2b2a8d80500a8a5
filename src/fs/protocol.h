/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's FUSE interface has that older headers lack: include/uapi/linux/fuse.h of
 * Linux 6.9, and the parts of replies that are made by hand.
 */
#ifndef FS_PROTOCOL_H
#define FS_PROTOCOL_H

#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#ifndef FUSE_PASSTHROUGH
#define FUSE_PASSTHROUGH (1ULL << 37)
#endif
#ifndef FOPEN_PASSTHROUGH
#define FOPEN_PASSTHROUGH (1 << 7)
#endif

/* struct fuse_backing_map and its ioctls */
struct protocol_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define PROTOCOL_BACKING_OPEN _IOW(229, 1, struct protocol_backing_map)
#define PROTOCOL_BACKING_CLOSE _IOW(229, 2, uint32_t)

/* struct fuse_init_out's word after flags2, and its size then */
#define PROTOCOL_INIT_OUT_DEPTH 36
#define PROTOCOL_INIT_OUT_FLAGS2 32
#define PROTOCOL_INIT_OUT_SIZE 64

/* struct fuse_open_out as of 7.40 */
struct protocol_open_out {
	uint64_t fh;
	uint32_t open_flags;
	int32_t backing_id;
};

/* loop.c: the reply's entry of ENTRY. */
struct fuse_entry_param;
void protocol_fill_entry(struct fuse_entry_out *out, const struct fuse_entry_param *entry);

#endif
