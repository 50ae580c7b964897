#!/usr/bin/env bash
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Run ansible-test where it wants to be: in a git checkout at ansible_collections/originlock/aop.
#   ansible_test.sh sanity|units [options of ansible-test]
# Without options, units run under the oldest Python only that is here: under the newest they run without ansible-test.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
bin=$root/.venv/bin
kind=$1
shift

work=$(mktemp -d /tmp/originlock-ansible-test.XXXXXX)
trap 'rm -rf "$work"' EXIT
tree=$work/ansible_collections/originlock/aop
mkdir -p "$tree"
cd "$root"
# What git would commit, as it is on the disk now.
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  if [ -f "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null -T - -cf - | tar -xf - -C "$tree"
cd "$tree"
git init -q .
git add -A
git -c user.name=tests -c user.email=tests@localhost commit -qm copy

# ansible-test keeps its environments under HOME. It has one here that outlives the run, and pip finds its settings
# and its cache where they always are.
export PIP_CACHE_DIR=${PIP_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/pip}
if [ -z "${PIP_CONFIG_FILE:-}" ] && [ -f "$HOME/.config/pip/pip.conf" ]; then
  export PIP_CONFIG_FILE=$HOME/.config/pip/pip.conf
fi
interpreters=$bin
found=()
for version in 3.9 3.10 3.11 3.12 3.13 3.14; do
  for folder in "$HOME"/.pyenv/versions/"$version".*/bin; do
    if [ -x "$folder/python$version" ]; then interpreters=$interpreters:$folder; break; fi
  done
  if PATH=$interpreters:$PATH "python$version" -c '' 2>/dev/null; then found+=("$version"); fi
done
if [ "$kind" = units ] && [ $# -eq 0 ] && [ ${#found[@]} -gt 1 ]; then
  set -- --python "${found[0]}"
  echo "NOT RUN: ansible-test units under Python ${found[*]:1} (make units-ansible-test ARGS=--verbose runs all)"
fi
# Real interpreters before pyenv's shims, which exist for versions that don't answer.
export PATH=$interpreters:$PATH
export HOME=$root/.cache/ansible-test
unset ANSIBLE_COLLECTIONS_PATH PYTHONPATH

# It would download get-pip from a server of the Ansible project; what Python brings along does as well.
requirements=$("$bin/python" -c 'import ansible_test, os; print(os.path.join(list(ansible_test.__path__)[0], "_internal/python_requirements.py"))')
mkdir -p "$HOME/.ansible/test/cache"
for pip_version in $(grep -oE "'[0-9]{2}\.[0-9](\.[0-9])?'" "$requirements" | tr -d "'" | sort -u); do
  printf '%s\n' 'import runpy, sys' 'sys.argv = ["ensurepip", "--default-pip"]' 'runpy.run_module("ensurepip", run_name="__main__")' \
    > "$HOME/.ansible/test/cache/get_pip_${pip_version//./_}.py"
done

"$bin/ansible-test" "$kind" --venv --color no "$@" </dev/null
