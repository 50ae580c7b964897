# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away origins for tests: systemd containers with sshd and a web server that knows nothing of AOP.

``python -m tests.hosts --help`` tells how to use it. A server is a folder in ``servers/`` (its Containerfile and the
configuration files copied into the image); nothing else has to be changed to add one.
"""
