# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the scripts of this folder. POSIX sh; to be sourced.

# What it takes to build all of it.
BUILD_PACKAGES="gcc libc6-dev musl-tools meson ninja-build pkg-config git python3
	libfuse3-dev libcap-ng-dev libseccomp-dev libselinux1-dev libapparmor-dev libaudit-dev
	nettle-dev libjson-c-dev libcmocka-dev"

say()
{
	printf '%s: %s\n' "${0##*/}" "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# The packages among the arguments that are not installed, one a line.
missing_packages()
{
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^installed //p' | sort -u >/tmp/.installed.$$
	printf '%s\n' "$@" | sort -u | comm -23 - /tmp/.installed.$$
	rm -f /tmp/.installed.$$
}

# Installs what is missing of the packages that are named; nothing is asked and nothing is
# downloaded where all are there. Services of theirs (docker's daemon, lxc's bridge) are not started:
# what the tests need of them they start themselves, in a temporary place.
install_packages()
{
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || die "these packages are missing, and only root can install them:" $missing
	say "installing" $missing
	export DEBIAN_FRONTEND=noninteractive
	made_policy=
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
		chmod 755 /usr/sbin/policy-rc.d
		made_policy=1
	fi
	status=0
	{
		apt-get -qq -o DPkg::Lock::Timeout=600 update &&
			apt-get -qq -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 \
				install --no-install-recommends $missing
	} >/tmp/.apt.$$ 2>&1 || status=$?
	[ -z "$made_policy" ] || rm -f /usr/sbin/policy-rc.d
	[ "$status" = 0 ] || tail -n 40 /tmp/.apt.$$ >&2
	rm -f /tmp/.apt.$$
	[ "$status" = 0 ] || die "apt-get failed"
}
