#!/usr/bin/env bash
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The unit tests, and a story on real hosts, under the oldest ansible-core, Python and libraries that are supported.
#   oldest.sh [what to run of tests/e2e]
set -euo pipefail
cd "$(dirname "$0")/../.."

.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' \
  || echo "NOT RUN: ansible-core 2.21, which needs Python 3.12 or newer: the other layers have 2.19"
if ! python=$(tests/tools/setup.sh oldest); then
  echo "NOT RUN: ansible-core 2.18, which needs Python 3.11, 3.12 or 3.13: there is none here"
  exit 0
fi

venv=$PWD/.cache/oldest
if ! cmp -s requirements-oldest.txt "$venv/requirements.txt"; then
  echo "setup: $python makes $venv, pip downloads the packages of requirements-oldest.txt" >&2
  "$python" -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements-oldest.txt
  cp requirements-oldest.txt "$venv/requirements.txt"
fi
"$venv/bin/python" -c 'import platform; from importlib.metadata import version as v
print("ansible-core", v("ansible-core"), "Python", platform.python_version(), *(f"{one} {v(one)}" for one in ("cryptography", "requests")))'

PATH=$venv/bin:$PATH "$venv/bin/python" -m pytest -q tests/unit
ORIGINLOCK_PLAYER=$venv/bin/python .venv/bin/python -m pytest -q "${@:-tests/e2e/test_batch.py}"
