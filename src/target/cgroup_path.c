/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/cgroup_path.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

#define HEX_ID_LENGTH 64

/* What a component looks like: PREFIX, an id, SUFFIX. */
static const struct pattern {
	const char *prefix;
	const char *suffix;
	const char *engine; /* NULL: an engine's helper, no container */
	bool hex;	    /* the id has 64 hexadecimal digits; else it is any name */
} patterns[] = {
	/* helpers first: their names begin like those of containers */
	{ "libpod-conmon-", ".scope", NULL, true },
	{ "crio-conmon-", ".scope", NULL, true },
	{ "lxc.monitor.", "", NULL, false },
	{ "machine-qemu\\x2d", ".scope", NULL, false },
	{ "docker-", ".scope", "docker", true },
	{ "libpod-", ".scope", "podman", true },
	{ "libpod-", "", "podman", true },
	{ "cri-containerd-", ".scope", "cri", true },
	{ "crio-", ".scope", "cri", true },
	{ "crio-", "", "cri", true },
	{ "nerdctl-", ".scope", "containerd", true },
	{ "lxc.payload.", "", "lxc", false },
	{ "runc-", ".scope", "runc", false },
	{ "crun-", ".scope", "crun", false },
	{ "machine-", ".scope", "nspawn", false },
	{ "systemd-nspawn@", ".service", "nspawn", false },
};

/* What the component above a bare 64-digit id tells. */
static const struct parent {
	const char *prefix;
	const char *engine;
} parents[] = {
	{ "docker", "docker" },
	{ "libpod_parent", "podman" },
	{ "kubepods", "cri" },
	{ "pod", "cri" },
};

static bool is_hex_id(const char *s, size_t length)
{
	return length == HEX_ID_LENGTH && strspn(s, "0123456789abcdef") >= length;
}

/* systemd writes what a unit's name can't hold as \xNN, and "/" as "-": systemd.unit(5). */
static bool unescape(const char *s, size_t length, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		char c = s[i];

		if (c == '\\') {
			char digits[3] = "";

			if (i + 3 >= length || s[i + 1] != 'x' ||
				!isxdigit((unsigned char)s[i + 2]) ||
				!isxdigit((unsigned char)s[i + 3])) {
				return false;
			}
			memcpy(digits, s + i + 2, 2);
			c = (char)strtoul(digits, NULL, 16);
			if (c == '\0') {
				return false;
			}
			i += 3;
		}
		if (used + 1 >= size) {
			return false;
		}
		out[used++] = c;
	}
	out[used] = '\0';
	return used > 0;
}

/* 1: OUT is filled; 0: no pattern fits; -1: a helper's cgroup. */
static int parse_component(const char *name, size_t length, struct cgroup_container *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		const struct pattern *pattern = &patterns[i];
		size_t prefix = strlen(pattern->prefix);
		size_t suffix = strlen(pattern->suffix);

		if (length <= prefix + suffix || strncmp(name, pattern->prefix, prefix) != 0 ||
			strncmp(name + length - suffix, pattern->suffix, suffix) != 0) {
			continue;
		}
		const char *id = name + prefix;
		size_t id_length = length - prefix - suffix;
		if (pattern->hex && !is_hex_id(id, id_length)) {
			continue;
		}
		if (pattern->engine == NULL) {
			return -1;
		}
		out->engine = pattern->engine;
		if (unescape(id, id_length, out->id, sizeof(out->id))) {
			return 1;
		}
	}
	return 0;
}

static const char *engine_by_parents(const char *path, const char *component)
{
	/* From the nearest upwards, so that a container in a container is the inner engine's. */
	while (component > path + 1) {
		const char *end = component - 1;

		component = end;
		while (component > path && component[-1] != '/') {
			component--;
		}
		for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
			if ((size_t)(end - component) >= strlen(parents[i].prefix) &&
				str_starts_with(component, parents[i].prefix)) {
				return parents[i].engine;
			}
		}
	}
	return "cgroup";
}

/* Bare ids: /docker/ID, /kubepods/besteffort/podUID/ID, ...slice:cri-containerd:ID. */
static bool parse_bare(
	const char *path, const char *name, size_t length, struct cgroup_container *out)
{
	static const char cri[] = ":cri-containerd:";
	bool is_cri = false;

	if (length > HEX_ID_LENGTH + strlen(cri)) {
		const char *id = name + length - HEX_ID_LENGTH;

		is_cri = strncmp(id - strlen(cri), cri, strlen(cri)) == 0;
		if (!is_cri) {
			return false;
		}
		name = id;
		length = HEX_ID_LENGTH;
	}
	if (!is_hex_id(name, length)) {
		return false;
	}
	memcpy(out->id, name, length);
	out->id[length] = '\0';
	out->engine = is_cri ? "cri" : engine_by_parents(path, name);
	return true;
}

bool cgroup_path_parse(const char *path, struct cgroup_container *out)
{
	const char *end = path + strnlen(path, PATH_MAX);

	if (*path != '/' || *end != '\0') {
		return false;
	}
	while (end > path) {
		const char *name = end;

		while (name > path && name[-1] != '/') {
			name--;
		}
		int r = parse_component(name, (size_t)(end - name), out);
		if (r != 0) {
			return r > 0;
		}
		if (parse_bare(path, name, (size_t)(end - name), out)) {
			return true;
		}
		end = name > path ? name - 1 : path;
	}
	return false;
}

bool cgroup_text_parse(const char *text, struct cgroup_container *out)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		/* A cgroup's name may hold colons; the two fields before it don't. */
		const char *controllers = memchr(text, ':', length);
		const char *path = controllers != NULL
					   ? memchr(controllers + 1, ':',
						     length - (size_t)(controllers + 1 - text))
					   : NULL;

		if (path != NULL) {
			_cleanup_free_ char *copy =
				strndup(path + 1, length - (size_t)(path + 1 - text));

			if (copy != NULL && cgroup_path_parse(copy, out)) {
				return true;
			}
		}
		text += length + (text[length] == '\n');
	}
	return false;
}
