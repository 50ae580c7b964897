# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA that issues, as the options of a module name it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._engine import files
from ansible_collections.originlock.aop.plugins.module_utils._pki import authority, keys, leaf
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import x509


class Issuer:
    """Certificate and key of the CA, from ``ca_path`` or ``ca_content`` and the like.

    The key may be absent: then certificates can be judged, not issued. In check mode the CA may be absent altogether,
    because the task that makes it has only been predicted.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._options: dict[str, Any] = module.params
        self.label: str = self._options["ca_path"] or "ca_content"
        self._key_label: str | None = self._options["ca_privatekey_path"] or (
            "ca_privatekey_content" if self._options.get("ca_privatekey_content") else None
        )
        self.certificate: x509.Certificate | None = None
        self._key: keys.PrivateKey | None = None

    @property
    def can_sign(self) -> bool:
        """The key is at hand, or will be once the CA has been made."""
        return self._key_label is not None

    def load(self, now: datetime) -> None:
        """Read and match certificate and key, so that a wrong passphrase is found today and not at the next renewal.

        Raises PkiError.
        """
        text = self._options.get("ca_content")
        if self._options["ca_path"] is not None:
            text = files.read_text(self._options["ca_path"], "The CA certificate")
        key_text = self._options.get("ca_privatekey_content")
        if self._options["ca_privatekey_path"] is not None:
            key_text = files.read_text(self._options["ca_privatekey_path"], "The CA key")
        if text is None and self._module.check_mode:
            self._module.warn(f"The CA {self.label} does not exist yet; the certificate is predicted without it.")
            return
        if text is None:
            raise PkiError(f"The CA certificate {self.label} does not exist.", "Make the CA first (client_ca).")
        self.certificate = authority.load_authority(text, self.label)
        if self._key_label is None:
            return
        if key_text is None:
            raise PkiError(
                f"The CA key {self._key_label} does not exist.",
                "Restore it, or leave ca_privatekey_path out to use existing certificates only.",
            )
        self._key = self._load_key(key_text, self._key_label)
        authority.check_pair(self._key, self.certificate, self._key_label, self.label)

    def _load_key(self, text: str, label: str) -> keys.PrivateKey:
        passphrase = self._options["ca_passphrase"] if keys.is_encrypted(text) else None
        return keys.load(text, passphrase, label)

    def check_can_sign(self, label: str, reasons: list[str]) -> None:
        """Refuse to go on without the CA's key. Raises PkiError."""
        if not self.can_sign:
            raise PkiError(
                f"The client certificate {label} has to be issued ({'; '.join(reasons)}), "
                "but the CA's key is not given.",
                "Give ca_privatekey_path, or put a certificate that you got otherwise into its place.",
            )

    def issue(self, key: keys.PrivateKey, spec: leaf.LeafSpec, now: datetime) -> x509.Certificate:
        """A certificate for ``key``. Only after load and check_can_sign. Raises PkiError."""
        if self.certificate is None or self._key is None:
            raise PkiError(f"The CA {self.label} cannot sign.", "Give its certificate and key.")
        return leaf.issue(key, spec, self.certificate, self._key, self.label, now)
