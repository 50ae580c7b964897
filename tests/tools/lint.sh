#!/usr/bin/env bash
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Every linter runs, then the exit code tells whether one complained. Called by `make lint`.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit

failed=()
step() {
  local name=$1
  shift
  echo "== $name"
  "$@" </dev/null || failed+=("$name")
}

step ruff ruff check --quiet --output-format concise .
step mypy mypy
step 'direction of imports' python tests/tools/import_direction.py
step 'server roles' python tests/tools/server_roles.py --check
step 'tests of the tools' python -m pytest -q tests/tools
step changelog antsibull-changelog lint
step ansible-lint ansible-lint -q --nocolor

if [ "${#failed[@]}" -gt 0 ]; then
  printf 'lint: failed: %s\n' "${failed[@]}"
  exit 1
fi
echo 'lint: clean'
