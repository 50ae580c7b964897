# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, certificates and module runs for the tests of everything that handles certificates."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common import parameters

from ansible_collections.originlock.aop.tests import certificates

# What makes certificates, under the names that the tests use.
CLIENT = certificates.CLIENT
NOW = certificates.NOW
SERVER = certificates.SERVER
certificate = certificates.certificate
ec_key = certificates.ec_key
key_pem = certificates.key_pem
leaf = certificates.leaf
name = certificates.name
pem = certificates.pem
root = certificates.root
rsa_key = certificates.rsa_key
usage = certificates.usage

PASSPHRASE = "correct-horse-battery-9731"

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")


def openssl(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the openssl command; its output as text, its failure in the return code."""
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False, **options)


def run_module(main: Any, check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
    """What a module answers, after Ansible's own masking of secrets; ``failed`` is there when it failed.

    Settings (``_ansible_...``) that this ansible-core doesn't have are left out: 2.18 always shows the invocation.
    """
    arguments["_ansible_check_mode"] = check_mode
    known = {f"_ansible_{word}" for word in parameters.PASS_VARS}
    arguments = {key: value for key, value in arguments.items() if not key.startswith("_ansible_") or key in known}
    output = io.StringIO()
    with _arguments(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        main()
    return json.loads(output.getvalue())


@contextlib.contextmanager
def _arguments(arguments: dict[str, Any]) -> Any:
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:  # ansible-core 2.18
        before = basic._ANSIBLE_ARGS
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = before
    else:
        with patch_module_args(arguments):
            yield


def tree(directory: Any) -> dict[str, tuple[bytes, int]]:
    """Content and inode of every file: what must not change when something is refused."""
    return {
        str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_ino)
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
