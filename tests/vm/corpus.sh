#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine: fidelity.sh with all configurations. By hand, for it takes its time.
cd "$(dirname "$0")" || exit 1
# shellcheck disable=SC2046
exec bash fidelity.sh $(python3 -B ../fidelity/configs.py)
