/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libfuse's low-level interface, of the oldest release that is supported.
 */
#ifndef FS_LIBRARY_H
#define FS_LIBRARY_H

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 14)

#include <fuse_lowlevel.h>

#endif
