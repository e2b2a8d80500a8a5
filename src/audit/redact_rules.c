/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/redact_rules.h"

#include <string.h>

#include "base/str.h"

#define NAME_MAX_SIZE 256

/* In a name in any case, "-", "_" and "." left out. */
static const char *const parts[] = { "password", "passwd", "passphrase", "passcode", "secret",
	"token", "apikey", "accesskey", "privatekey", "secretkey", "encryptionkey", "signingkey",
	"sshkey", "credential", "connectionstring", "authkey", "masterkey", "licensekey" };

/* Whole names, and last parts of names: "DB_PASS", "--pass", "MYSQL_PWD". */
static const char *const last_parts[] = { "pass", "pwd", "pw", "auth", "psk", "pin", "pgpass",
	"userpass" };

/* Names of what only tells where the secret is. */
static const char *const harmless[] = { "file", "path", "stdin", "prompt", "dir", "url", "type",
	"ttl", "command", "helper", "name", "length", "fd" };

const struct redact_pattern redact_patterns[] = {
	/* "password: x", "\"password\": \"x\"", "X-Api-Key: x" */
	{ ":", 2, true,
		"(password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?"
		"key)"
		"[\"']?[ \t]*:[ \t]*[\"']?([^]\"', \t}]+)" },
	{ "authorization", 3, true,
		"authorization[\"']?[ \t]*[:=][ \t]*[\"']?"
		"((basic|digest|token|negotiate|apikey|aws4-hmac-sha256)[ \t]+)?([^\"']+)" },
	{ "bearer", 1, true, "bearer[ \t]+([A-Za-z0-9._~+/=-]+)" },
	{ "cookie:", 1, true, "cookie:[ \t]*([^\"']+)" },
	/* scheme://user:SECRET@host */
	{ "://", 1, true, "[a-z][a-z0-9+.-]*://[^/:@ \t\"']*:([^/@ \t\"']+)@" },
	/* AWS, GitHub, GitLab, Slack, OpenAI and the like, Stripe, Google, npm, Vault, PyPI */
	{ "A", 1, false, "((AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ABIA|ACCA)[A-Z0-9]{16})" },
	{ "gh", 1, false, "(gh[pousr]_[A-Za-z0-9]{20,})" },
	{ "github_pat_", 1, false, "(github_pat_[A-Za-z0-9_]{20,})" },
	{ "glpat-", 1, false, "(glpat-[A-Za-z0-9_-]{16,})" },
	{ "xox", 1, false, "(xox[abeprs]-[A-Za-z0-9-]{10,})" },
	{ "sk-", 1, false, "(sk-[A-Za-z0-9_-]{20,})" },
	{ "k_", 1, false, "([sr]k_(live|test)_[A-Za-z0-9]{10,})" },
	{ "AIza", 1, false, "(AIza[A-Za-z0-9_-]{35})" },
	{ "npm_", 1, false, "(npm_[A-Za-z0-9]{20,})" },
	{ "hv", 1, false, "(hv[sb]\\.[A-Za-z0-9_-]{20,})" },
	{ "pypi-", 1, false, "(pypi-[A-Za-z0-9_-]{20,})" },
	/* JSON web tokens; keys in PEM */
	{ "eyJ", 1, false, "(eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]+\\.?[A-Za-z0-9_-]*)" },
	{ "PRIVATE KEY-----", 1, false, "-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]*)" },
};
const size_t redact_n_patterns = ARRAY_SIZE(redact_patterns);

const struct redact_program redact_programs[] = {
	{ "mysql*", "-p", REDACT_ATTACHED },
	{ "mariadb*", "-p", REDACT_ATTACHED },
	{ "sshpass", "-p", REDACT_BOTH },
	{ "curl", "-u", REDACT_BOTH },
	{ "curl", "-U", REDACT_BOTH },
	{ "curl", "--user", REDACT_NEXT },
	{ "curl", "--proxy-user", REDACT_NEXT },
	{ "curl", "-b", REDACT_BOTH },
	{ "curl", "--cookie", REDACT_NEXT },
	{ "redis-cli", "-a", REDACT_NEXT },
	{ "redis-cli", "--pass", REDACT_NEXT },
	{ "valkey-cli", "-a", REDACT_NEXT },
	{ "mongo*", "-p", REDACT_BOTH },
	{ "ldap*", "-w", REDACT_BOTH },
	{ "smbclient", "-U", REDACT_BOTH },
	{ "rpcclient", "-U", REDACT_BOTH },
	{ "mosquitto_*", "-P", REDACT_BOTH },
	{ "ipmitool", "-P", REDACT_BOTH },
	{ "sqlcmd", "-P", REDACT_BOTH },
	{ "isql", "-P", REDACT_BOTH },
	{ "snmp*", "-c", REDACT_BOTH },
	{ "snmp*", "-A", REDACT_BOTH },
	{ "snmp*", "-X", REDACT_BOTH },
	{ "openssl", "-k", REDACT_NEXT },
	{ "openssl", "-K", REDACT_NEXT },
	{ "openssl", "-passin", REDACT_NEXT },
	{ "openssl", "-passout", REDACT_NEXT },
	{ "zip", "-P", REDACT_BOTH },
	{ "unzip", "-P", REDACT_BOTH },
	{ "7z*", "-p", REDACT_ATTACHED },
	{ "unrar", "-p", REDACT_ATTACHED },
	{ "rar", "-p", REDACT_ATTACHED },
	{ "docker", "-p", REDACT_NEXT }, /* login; of run it hides a port */
	{ "podman", "-p", REDACT_NEXT },
	{ "useradd", "-p", REDACT_BOTH },
	{ "usermod", "-p", REDACT_BOTH },
	{ "kinit", "-w", REDACT_BOTH },
	{ "vncviewer", "-p", REDACT_NEXT },
	{ "xfreerdp", "/p:", REDACT_ATTACHED },
	{ "mysqladmin", "password", REDACT_NEXT },
};
const size_t redact_n_programs = ARRAY_SIZE(redact_programs);
_Static_assert(ARRAY_SIZE(redact_programs) <= 64, "a bit for each in struct words");

bool redact_name(const char *name, size_t size)
{
	char plain[NAME_MAX_SIZE];
	size_t n = 0;
	size_t last = 0; /* where the last part begins: "pass" of "db-pass" */

	if (size >= sizeof(plain)) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];

		if (c == '-' || c == '_' || c == '.') {
			last = n;
		} else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
			plain[n++] = c;
		} else {
			return false;
		}
	}
	plain[n] = '\0';
	bool word = last < n;
	for (size_t i = 0; word && i < ARRAY_SIZE(harmless); i++) {
		if (strcmp(plain + last, harmless[i]) == 0) {
			return false;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (strstr(plain, parts[i]) != NULL) {
			return true;
		}
	}
	for (size_t i = 0; word && i < ARRAY_SIZE(last_parts); i++) {
		if (strcmp(plain + last, last_parts[i]) == 0) {
			return true;
		}
	}
	return false;
}
