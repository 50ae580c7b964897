# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the PKI modules have in common: four questions to a backend, asked in the same order in every mode.

Because check mode, diff and the real run ask the same questions, they cannot disagree.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Protocol

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.originlock.aop.plugins.module_utils._pki.library import LIBRARY_PROBLEM, LIBRARY_REQUIREMENT

# Not in the diff: fingerprint and names say the same in one line, and keys must not be there at all.
_TEXTS = ("certificate", "ca_certificate", "csr", "privatekey")

KEY_SPEC: dict[str, Any] = {
    "key_type": {"type": "str", "choices": ["RSA", "ECDSA"]},
    "key_size": {"type": "int", "no_log": False},
    "curve": {"type": "str", "choices": ["P-256", "P-384"]},
    "digest": {"type": "str", "choices": ["sha256", "sha384", "sha512"], "default": "sha256"},
}


class Backend(Protocol):
    """One thing that a module keeps in the wanted state."""

    def check_arguments(self) -> None:
        """Are the arguments valid by themselves? Raises where not."""

    def reasons(self) -> list[str]:
        """Why does what exists have to be made anew? Empty where it fits; raises where it must not be touched."""

    def generate(self) -> None:
        """Make it anew and put it into its place."""

    def dump(self) -> dict[str, Any]:
        """The facts of what exists; empty where nothing does."""

    def predict(self) -> dict[str, Any]:
        """The facts of what generate would make, None where nobody can know."""

    def attributes(self) -> bool:
        """Bring owner and mode into the wanted state; whether they differed."""

    def report(self) -> dict[str, Any]:
        """Further values to return."""


def utc_now() -> datetime:
    """The present, aware. One place, so that tests can set it."""
    return datetime.now(timezone.utc)


def require_library(module: Any) -> None:
    """End with a helpful message where cryptography is missing or too old."""
    if LIBRARY_PROBLEM is not None:
        module.fail_json(msg=missing_required_lib(LIBRARY_REQUIREMENT), exception=LIBRARY_PROBLEM)


def converge(module: Any, backend: Backend) -> dict[str, Any]:
    """Bring the backend's thing into the wanted state and return the module's result."""
    backend.check_arguments()
    reasons = backend.reasons()
    before = backend.dump()
    after = before
    if reasons and module.check_mode:
        after = backend.predict()
    elif reasons:
        backend.generate()
        after = backend.dump()
    attributes = backend.attributes()
    result = dict(after, changed=bool(reasons) or attributes, reasons=reasons, **backend.report())
    result["diff"] = {"before": _facts(before), "after": _facts(after)}
    return result


def _facts(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _TEXTS}
