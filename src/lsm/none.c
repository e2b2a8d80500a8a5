/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No library: what a build without libselinux or libapparmor does about their modules, and what any
 * build does about modules that it doesn't know.
 */
#include <errno.h>

#include "base/str.h"
#include "lsm/backend.h"

/* What we are ourselves needs no transition, and nothing to be known of it. */
static int refuse(const char *module, const char *hint, const struct lsm_label *label,
	const struct lsm_label *own, struct error *err)
{
	if (str_equal(label->text, own->text)) {
		return 0;
	}
	return error_set_hint(err, EOPNOTSUPP, hint, "the container has the %s label %.256s",
		module, label->text);
}

#ifndef HAVE_SELINUX
static int check_selinux(const struct lsm_label *label, const struct lsm_label *own,
	const struct lsm_transition *transition, char *warning, size_t size, struct error *err)
{
	return refuse("SELinux", "this sallyport was built without libselinux and can't apply it",
		label, own, err);
}

const struct lsm_backend lsm_selinux = { .active = lsm_selinux_seen, .check = check_selinux };
#endif

#ifndef HAVE_APPARMOR
static int check_apparmor(const struct lsm_label *label, const struct lsm_label *own,
	const struct lsm_transition *transition, char *warning, size_t size, struct error *err)
{
	return refuse("AppArmor", "this sallyport was built without libapparmor and can't apply it",
		label, own, err);
}

const struct lsm_backend lsm_apparmor = { .active = lsm_apparmor_seen, .check = check_apparmor };
#endif

static int check_other(const struct lsm_label *label, const struct lsm_label *own,
	const struct lsm_transition *transition, char *warning, size_t size, struct error *err)
{
	return refuse(
		"security module's", "sallyport knows SELinux and AppArmor only", label, own, err);
}

const struct lsm_backend lsm_other = { .check = check_other };
