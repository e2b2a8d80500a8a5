# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced first by live tests, bash, that configure the host: they run in a mount namespace of their own,
# in which /etc, /run and /var/log can be written to and nobody else sees it. What the product has
# there on this host is out of sight.

if [ -z "${ISOLATED-}" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "1..0 # SKIP needs root"
		exit 0
	fi
	ISOLATED=1 exec unshare --mount --propagation private bash "$0" "$@"
fi
mount -t tmpfs -o mode=755 tmpfs /mnt || exit 1
for folder in etc run var/log; do
	mkdir -p "/mnt/$folder/upper" "/mnt/$folder/work"
	[ ! -e /sys/fs/selinux/enforce ] || chcon --reference "/$folder" "/mnt/$folder/upper"
	mount -t overlay overlay \
		-o "lowerdir=/$folder,upperdir=/mnt/$folder/upper,workdir=/mnt/$folder/work" "/$folder" || exit 1
done
rm -rf /etc/sallyport /run/sallyport /var/log/sallyport
mkdir -p /etc/sallyport/rules.d
