/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/program.h"

#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

enum program_kind program_kind(int fd)
{
	union {
		char magic[SELFMAG];
		Elf64_Ehdr ehdr;
		char space[1024]; /* the program headers follow at once, in what any linker writes
				   */
	} head;
	ssize_t n = pread(fd, &head, sizeof(head), 0);

	if (n >= 2 && memcmp(head.magic, "#!", 2) == 0) {
		return PROGRAM_SCRIPT;
	}
	if (n < (ssize_t)sizeof(head.ehdr) || memcmp(head.magic, ELFMAG, SELFMAG) != 0 ||
		head.ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
		head.ehdr.e_phentsize != sizeof(Elf64_Phdr)) {
		return PROGRAM_OTHER;
	}
	for (uint64_t i = 0; i < head.ehdr.e_phnum; i++) {
		Elf64_Phdr phdr;
		uint64_t at = head.ehdr.e_phoff + i * sizeof(phdr);

		if (at < head.ehdr.e_phoff || at > (uint64_t)n - sizeof(phdr)) {
			break;
		}
		memcpy(&phdr, head.space + at, sizeof(phdr));
		if (phdr.p_type == PT_INTERP) {
			return PROGRAM_DYNAMIC;
		}
	}
	return PROGRAM_OTHER;
}

bool program_is_loader(const char *path)
{
	const char *name = strrchr(path, '/');

	return name != NULL && (str_starts_with(name, "/ld-") || str_starts_with(name, "/ld.so"));
}
