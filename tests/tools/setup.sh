#!/usr/bin/env bash
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What a fresh Debian or Ubuntu machine lacks.
#   setup.sh system    programs that the tests and the demo call (apt)
#   setup.sh python    prints the newest Python that can make a virtual environment here; installs one if there is none
#   setup.sh oldest    prints the oldest one that ansible-core 2.18 runs on, or fails
set -euo pipefail

say() { echo "setup: $*" >&2; }

install_packages() {
  local sudo=() package wanted=() log
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "need root or sudo to install: $*"; exit 1; }
    sudo=(sudo)
  fi
  command -v apt-get >/dev/null || { say "no apt-get here; please install these by hand: $*"; exit 1; }
  if ! apt-cache show podman >/dev/null 2>&1; then
    say "apt-get update (downloads package lists)"
    "${sudo[@]}" apt-get update -qq </dev/null >&2
  fi
  for package in "$@"; do # names differ between releases: leave out what this one doesn't know
    if apt-cache show "$package" >/dev/null 2>&1; then wanted+=("$package"); else say "no package $package here"; fi
  done
  say "apt-get install ${wanted[*]} (downloads Debian packages)"
  log=$(mktemp)
  apt_install() {
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$@" </dev/null >"$log" 2>&1
  }
  # An old package list names files that are gone from the mirror: refresh it and try once more.
  if ! apt_install "${wanted[@]}"; then
    "${sudo[@]}" apt-get update -qq </dev/null >&2
    if ! apt_install "${wanted[@]}"; then cat "$log" >&2; rm -f "$log"; exit 1; fi
  fi
  rm -f "$log"
}

system() {
  PATH=$PATH:/usr/sbin:/sbin
  local missing=()
  lacks() { ! command -v "$1" >/dev/null; }
  if lacks podman; then missing+=(podman); fi
  # podman's network stack is only recommended by its package in some releases
  if lacks podman || [ ! -e /usr/lib/podman/netavark ]; then missing+=(netavark aardvark-dns); fi
  if lacks runc; then missing+=(runc); fi
  if lacks iptables; then missing+=(iptables); fi
  if lacks mmdebstrap; then missing+=(mmdebstrap); fi
  if [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then missing+=(debian-archive-keyring); fi
  if lacks ssh || lacks ssh-keygen; then missing+=(openssh-client); fi
  if lacks openssl; then missing+=(openssl); fi
  if lacks curl; then missing+=(curl); fi
  if lacks ip; then missing+=(iproute2); fi
  if lacks git; then missing+=(git); fi
  if lacks shellcheck; then missing+=(shellcheck); fi
  if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then missing+=(ca-certificates); fi
  if [ "${#missing[@]}" -gt 0 ]; then install_packages "${missing[@]}"; fi
}

# pyenv's interpreters are looked for where they are: its shims answer 127 for versions that are not switched on.
usable_python() {
  local version candidate
  for version in "$@"; do
    for candidate in "${HOME:-}"/.pyenv/versions/"$version".*/bin/python"$version" "$(command -v "python$version" || true)" \
      /usr/bin/python"$version" "$(command -v python3 || true)" /usr/bin/python3; do
      [ -x "$candidate" ] || continue
      if "$candidate" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
        echo "$candidate"
        return 0
      fi
    done
  done
  return 1
}

python() {
  local versions=(3.14 3.13 3.12 3.11)
  if usable_python "${versions[@]}"; then return; fi
  install_packages python3 python3-venv
  usable_python "${versions[@]}" && return
  say "needs Python 3.11 or newer (with venv); this machine has $(python3 --version 2>&1)"
  exit 1
}

case "${1:-}" in
  system) system ;;
  python) python ;;
  oldest) usable_python 3.11 3.12 3.13 ;;
  *) sed -n '5,8s/^# *//p' "$0"; exit 2 ;;
esac
