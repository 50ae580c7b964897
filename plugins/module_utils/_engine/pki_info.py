# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling what a PEM file is, for a module."""

from __future__ import annotations

from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._engine import files, pki
from ansible_collections.originlock.aop.plugins.module_utils._pki import classify
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import parse_bundle

CERTIFICATE_INFO_SPEC: dict[str, Any] = {
    "path": {"type": "path"},
    # It may turn out to hold a private key.
    "content": {"type": "str", "no_log": True},
    "verify_against": {"type": "str"},
    "verify_against_path": {"type": "path"},
}


def certificate_info(module: Any) -> dict[str, Any]:
    """The work of the module certificate_info. Never changes anything."""
    pki.require_library(module)
    options: dict[str, Any] = module.params
    now = pki.utc_now()
    label, data = "content", (options["content"] or "").encode("utf-8")
    if options["path"] is not None:
        label, data = options["path"], _required(options["path"], "The file")
    finding = classify.classify_bytes(data, label, now)
    result = dict(finding.as_dict(now), changed=False, path=options["path"], verified=None, verify_reason=None)
    text, bundle_label = options["verify_against"], "verify_against"
    if options["verify_against_path"] is not None:
        bundle_label = options["verify_against_path"]
        text = _required(bundle_label, "The trust bundle").decode("utf-8", "replace")
    if text is not None:
        bundle = parse_bundle(text, bundle_label)
        reason = f"{label} holds no certificate."
        if finding.certificates:
            reason = classify.verifies_against(finding.certificates, bundle, label, now) or ""
        result.update(verified=not reason, verify_reason=reason or None)
    return result


def _required(path: str, what: str) -> bytes:
    data = files.read_bytes(path, what)
    if data is None:
        raise PkiError(f"{what} {path} does not exist.", "Check the path, and the host that this task runs on.")
    return data
