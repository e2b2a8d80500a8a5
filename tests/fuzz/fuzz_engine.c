/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What engines write and answer, and what the kernel says of a container's processes: by the first
 * byte, one of the parsers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/procfs.h"
#include "base/program.h"
#include "base/str.h"
#include "target/cgroup_path.h"
#include "target/http.h"
#include "target/oci.h"
#include "target/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void response(const char *text, size_t size)
{
	const char *body = NULL;
	size_t body_size = 0;
	int r = http_parse(text, size, &body, &body_size);

	if (r >= 0 && (body < text || body + body_size != text + size)) {
		abort();
	}
}

static void state(const char *text, size_t size)
{
	struct json_object *object = json_parse(text, size, "fuzz", NULL);
	struct oci_state state = { 0 };
	uint64_t number;

	if (object == NULL) {
		return;
	}
	oci_parse_state(&state, object);
	oci_state_finish(&state);
	free(oci_annotated_name(object));
	json_string_at(object, "State/Pid");
	if (json_u64_at(object, "pid", 100, &number) == 0 && number > 100) {
		abort();
	}
	json_pid_at(object, "init_process_pid");
	json_object_put(object);
}

static void cgroups(const char *text)
{
	struct cgroup_container container;

	if (cgroup_path_parse(text, &container) && container.id[0] == '\0') {
		abort();
	}
	if (cgroup_text_parse(text, &container) &&
		(container.engine == NULL ||
			memchr(container.id, '\0', sizeof(container.id)) == NULL)) {
		abort();
	}
}

static void lines(const char *text)
{
	char value[64];

	text_toml(text, "runtimes.runc", "root", value, sizeof(value));
	text_toml(text, "", "root", value, sizeof(value));
	text_value(text, "ID", value, sizeof(value));
	free(oci_kubernetes_name(text));
}

static void process(char *text)
{
	char escaped[128];
	uint64_t number;
	pid_t pid;

	procfs_field_u64(text, "CapBnd", 16, &number);
	procfs_field(text, "Seccomp");
	procfs_inner_pid(text, &pid);
	str_to_u64(text, 1000, &number);
	if (str_escape(escaped, sizeof(escaped), text) >= sizeof(escaped)) {
		abort();
	}
	for (const char *at = escaped; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f) {
			abort();
		}
	}
	size_t before = strlen(text);
	str_unescape_octal(text);
	if (strlen(text) > before) {
		abort();
	}
}

static void program(const char *text, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	}
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, size, 0) == (ssize_t)size) {
		program_kind(fd);
	}
	program_is_loader(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	/* As what was read has it, a NUL follows. */
	char *text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 6) {
	case 0:
		response(text, size - 1);
		break;
	case 1:
		state(text, size - 1);
		break;
	case 2:
		cgroups(text);
		break;
	case 3:
		lines(text);
		break;
	case 4:
		process(text);
		break;
	default:
		program(text, size - 1);
		break;
	}
	free(text);
	return 0;
}
