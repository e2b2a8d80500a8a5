/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Says which of the programs it is (PROGRAM, from the compiler's command line), how it was called
 * and in which world: the container's root has a file that says so, the host's has none.
 */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

int main(int argc, char **argv)
{
	char world[64] = "host";
	FILE *f = fopen("/etc/sallyport-test-world", "r");

	if (f != NULL) {
		if (fgets(world, sizeof(world), f) != NULL) {
			world[strcspn(world, "\n")] = '\0';
		}
		fclose(f);
	}
	printf("%s in %s as %s from %s\n", PROGRAM, world, argv[0], (char *)getauxval(AT_EXECFN));
	return 0;
}
