/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access to a sample of the container's files: whatever lies in some directories that containers
 * have, in the order of its names; and the devices that can be opened without effect.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/str.h"
#include "probe/probe.h"

#define NAMES_MAX 48 /* of each directory */
#define NAMES_READ 4096

static const char *const directories[] = { "/", "/bin", "/boot", "/dev", "/etc", "/home", "/media",
	"/mnt", "/opt", "/proc", "/proc/acpi", "/proc/bus", "/proc/fs", "/proc/irq",
	"/proc/sys/kernel", "/proc/sys/net/ipv4", "/proc/sys/vm", "/root", "/run", "/sbin", "/srv",
	"/sys", "/sys/firmware", "/sys/fs", "/sys/fs/cgroup", "/sys/kernel", "/tmp", "/usr",
	"/usr/bin", "/var", "/var/log", "/vol", "/data" };

/* Their open(2) does nothing: others begin a count-down, rewind a tape, take a terminal. */
static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty", "ptmx",
	"pts/ptmx", "fuse", "kvm", "net/tun", "mem", "port", "kmsg", "loop-control",
	"mapper/control", "vhost-net", "vhost-vsock", "cuse", "hpet", "snapshot", "userfaultfd",
	"sda", "vda", "nvme0n1", "loop0", "dm-0" };

/* "rwx", what is refused as a dash; the errno where it is for another cause than rights. */
static void describe_access(const char *path, char out[64])
{
	static const struct {
		int mode;
		char letter;
	} modes[] = { { R_OK, 'r' }, { W_OK, 'w' }, { X_OK, 'x' } };
	int code = 0;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		bool may = faccessat(AT_FDCWD, path, modes[i].mode, AT_EACCESS) == 0;

		out[i] = may ? modes[i].letter : '-';
		code = may || errno == EACCES ? code : errno;
	}
	out[3] = '\0';
	if (code != 0) {
		snprintf(out + 3, 32, " %s", code_name(code));
	}
}

/* What an exec of the file would gain: set-id bits and capabilities, where the mount lets them. */
static void describe_privileges(const char *path, char *out, size_t size)
{
	struct stat st;
	struct statvfs fs;
	unsigned char caps[64];

	out[0] = '\0';
	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		return;
	}
	bool has_caps = getxattr(path, "security.capability", caps, sizeof(caps)) > 0;
	bool nosuid = statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0;
	if ((st.st_mode & (S_ISUID | S_ISGID)) != 0 || has_caps) {
		snprintf(out, size, " uid %u gid %u%s%s%s%s", st.st_uid, st.st_gid,
			(st.st_mode & S_ISUID) != 0 ? " setuid" : "",
			(st.st_mode & S_ISGID) != 0 ? " setgid" : "",
			has_caps ? " capabilities" : "", nosuid ? " nosuid" : "");
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names come and go with processes, terminals and pipes: those are no sample. */
static bool is_sample(const char *directory, const char *name)
{
	/* Our own 0, 1 and 2 are the starter's. */
	if (str_equal(directory, "/dev") && str_starts_with(name, "std")) {
		return false;
	}
	if (name[0] == '.' || (str_equal(directory, "/proc") && isdigit((unsigned char)name[0]))) {
		return false;
	}
	return true;
}

static void say_directory(const char *directory)
{
	static char *names[NAMES_READ];
	size_t n = 0;
	DIR *dir = opendir(directory);

	if (dir == NULL) {
		char key[64];

		snprintf(key, sizeof(key), "list.%s", directory);
		say_code(key, errno);
		return;
	}
	for (struct dirent *entry; n < NAMES_READ && (entry = readdir(dir)) != NULL;) {
		if (is_sample(directory, entry->d_name)) {
			names[n] = strdup(entry->d_name);
			n += names[n] != NULL;
		}
	}
	closedir(dir);
	qsort(names, n, sizeof(names[0]), compare);
	for (size_t i = 0; i < n; i++) {
		char path[512];
		char key[520];
		char access[64];
		char privileges[128];

		if (i < NAMES_MAX) {
			snprintf(path, sizeof(path), "%s/%s",
				str_equal(directory, "/") ? "" : directory, names[i]);
			snprintf(key, sizeof(key), "access.%s", path);
			describe_access(path, access);
			describe_privileges(path, privileges, sizeof(privileges));
			say(key, "%s%s", access, privileges);
		}
		free(names[i]);
	}
}

static int open_device(const void *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

static void say_devices(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		char path[64];
		char key[64];
		struct stat st;

		snprintf(path, sizeof(path), "/dev/%s", devices[i]);
		snprintf(key, sizeof(key), "device.%s", devices[i]);
		if (lstat(path, &st) == 0) {
			say_child(key, open_device, path);
		}
	}
}

void can_files_say(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		say_directory(directories[i]);
	}
	say_devices();
}
