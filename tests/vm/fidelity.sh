#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine: `sallyport diff` over runc's containers, each with a label where a security module
# enforces. The same files for all: what the label denies it denies to both.
#
# fidelity.sh [CONFIG...]: functions of tests/fidelity/configs.py; without any a few. corpus.sh has them all.
cd "$(dirname "$0")" || exit 1
case ${MODE:-} in
selinux)
	export FILES_LABEL=system_u:object_r:container_file_t:s0
	export RUNC_LABEL='
c["process"]["selinuxLabel"] = "system_u:system_r:container_t:s0:c1,c2"
c["linux"]["mountLabel"] = "system_u:object_r:container_file_t:s0"
'
	;;
apparmor)
	apparmor_parser -r <<-END || exit 1
		abi <abi/3.0>,
		profile sp-corpus flags=(attach_disconnected,mediate_deleted) {
			capability, network, umount, signal, ptrace, unix, file,
			deny /proc/sysrq-trigger rwklx,
			deny /etc/group rw,
			deny /bin/hello-sh x,
			deny capability sys_chroot,
			deny network inet6 raw,
		}
	END
	export RUNC_LABEL='
c["process"]["apparmorProfile"] = "sp-corpus"
'
	;;
esac
[ $# != 0 ] || set -- plain caps_ambient_nnp seccomp_engine userns_odd read_only sub_cgroup groups changed_more
exec bash ../fidelity/corpus.sh "$@"
