/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/label.h"

#include <errno.h>
#include <limits.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "lsm/lsm.h"
#include "session/helper.h"

int label_check(
	const struct profile *profile, bool in_session, struct trail *trail, struct error *err)
{
	char launcher[PATH_MAX];
	char gate[PATH_MAX];
	char warning[1024];
	struct statvfs root;
	struct lsm_transition transition = {
		.launcher = launcher,
		.gate = in_session ? gate : NULL,
		.in_session = in_session,
		.no_new_privs = profile->capabilities.no_new_privs,
	};
	int r = helper_path("sallyport-launch", launcher, err);

	if (r == 0) {
		r = helper_path("sallyport-gate", gate, err);
	}
	if (r < 0) {
		return r;
	}
	if (fstatvfs(profile->namespaces.root_fd, &root) < 0) {
		return error_set(err, errno, "look at the container's root directory");
	}
	transition.nosuid = (root.f_flag & ST_NOSUID) != 0;
	r = lsm_check(&profile->labels, &transition, warning, sizeof(warning), err);
	if (r == 0 && warning[0] != '\0') {
		log_warning("%s", warning);
		r = audit_degraded(trail, warning, err);
		r = trail_required(trail) ? r : 0;
	}
	return r;
}
