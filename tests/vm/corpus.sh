#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine: fidelity.sh with all configurations, and the engines that are there. By hand, for it
# takes its time.
cd "$(dirname "$0")" || exit 1
# shellcheck disable=SC2046
exec bash fidelity.sh crun crun_plain podman podman_read_only podman_caps $(python3 -B ../fidelity/configs.py)
