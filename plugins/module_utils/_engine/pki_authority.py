# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client CA as something that a module keeps: made once, adopted, never replaced unasked."""

from __future__ import annotations

from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._engine import files, pki, private_keys
from ansible_collections.originlock.aop.plugins.module_utils._engine.pki_place import FilePlace, Pair
from ansible_collections.originlock.aop.plugins.module_utils._pki import authority, keys
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.facts import (
    days_left,
    describe,
    is_self_signed,
    key_kind,
)
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import x509
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import dump

CLIENT_CA_SPEC: dict[str, Any] = {
    "zone": {"type": "str"},
    "common_name": {"type": "str"},
    "path": {"type": "path", "required": True},
    "privatekey_path": {"type": "path", "required": True},
    "privatekey_mode": {"type": "raw", "default": "0600", "no_log": False},
    "passphrase": {"type": "str", "no_log": True},
    "allow_unencrypted_key": {"type": "bool", "default": False, "no_log": False},
    **pki.KEY_SPEC,
    "valid_days": {"type": "int", "default": 1826},
    "renew_before": {"type": "float", "default": 760},
    "replace": {"type": "str", "choices": ["never", "certificate", "key"], "default": "never"},
    "certificate_content": {"type": "str"},
    "privatekey_content": {"type": "str", "no_log": True},
}


def client_ca(module: Any) -> dict[str, Any]:
    """The work of the module client_ca."""
    private_keys.refuse(module.params["certificate_content"], "certificate_content")
    pki.require_library(module)
    with files.locked(module.params["path"], module.params["privatekey_path"]):
        return pki.converge(module, AuthorityBackend(module))


class AuthorityBackend:
    """The four questions, asked about a CA in two files."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._options: dict[str, Any] = module.params
        options = self._options
        self._now = pki.utc_now()
        self._place = FilePlace(options["privatekey_path"], options["path"])
        self._spec = authority.AuthoritySpec(
            common_name=options["common_name"] or options["zone"],
            valid_days=options["valid_days"],
            renew_before=options["renew_before"],
            digest=options["digest"],
            key=keys.KeySpec(options["key_type"], options["key_size"], options["curve"]),
        )
        self._key: keys.PrivateKey | None = None
        self._certificate: x509.Certificate | None = None
        self._interrupted = False
        self._copies: list[str] = []

    def check_arguments(self) -> None:
        """Options by themselves, and the passphrase rule."""
        spec = self._spec
        authority.check_common_name(spec.common_name, "common_name" if self._options["common_name"] else "zone")
        spec.key.check()
        authority.check_lifetime(spec.valid_days, spec.renew_before)
        if not self._options["passphrase"] and not self._options["allow_unencrypted_key"]:
            raise PkiError(
                f"No passphrase is given for the key of the CA {self._place.label}.",
                "Give one (from Ansible Vault), or set allow_unencrypted_key if the key is protected otherwise.",
            )

    def reasons(self) -> list[str]:
        """Why something has to be written. Raises PkiError where what exists is not a sound CA."""
        pair = self._place.read()
        self._load(pair)
        if self._interrupted:
            return ["an interrupted replacement has to be completed"]
        if not self._module.check_mode:
            self._place.tidy()
        if self._options["certificate_content"]:
            return self._import_reasons()
        if self._certificate is None and self._key is None:
            self._check_new_passphrase()
            return ["the CA does not exist"]
        if self._certificate is None:
            return ["the certificate is missing; the private key exists and is used"]
        wanted = self._options["replace"]
        if wanted == "key":
            self._check_new_passphrase()
            return ["a new CA was asked for"]
        if wanted == "never":
            return []
        if not is_self_signed(self._certificate):
            raise PkiError(
                f"{self._place.label} ({self._certificate.subject.rfc4514_string()}) is not self-signed.",
                "Nothing was changed. Have its issuer renew it.",
            )
        return ["a new certificate for the same key was asked for"]

    def _check_new_passphrase(self) -> None:
        if self._options["passphrase"]:
            keys.check_new_passphrase(self._options["passphrase"])

    def _load(self, pair: Pair) -> None:
        label, key_label = self._place.label, self._place.key_label
        if pair.certificate is not None:
            self._certificate = authority.load_authority(pair.certificate, label)
        if pair.key is not None:
            self._key = self._load_key(pair.key, key_label)
        if self._certificate is None or (self._key is not None and keys.same_key(self._key, self._certificate)):
            return
        if pair.staged_key is not None:
            staged = self._load_key(pair.staged_key, files.staged_path(key_label))
            if keys.same_key(staged, self._certificate):
                self._key, self._interrupted = staged, True
                return
        if self._key is None:
            raise PkiError(
                f"The CA certificate {label} ({self._certificate.subject.rfc4514_string()}) is there, "
                f"its key {key_label} is not.",
                "Nothing was changed. Restore the key, or choose other paths for a new CA.",
            )
        authority.check_pair(self._key, self._certificate, key_label, label)

    def _load_key(self, text: str, label: str) -> keys.PrivateKey:
        # With a passphrase at hand an unencrypted key is accepted only where that is said aloud.
        unencrypted = self._options["allow_unencrypted_key"] and not keys.is_encrypted(text)
        return keys.load(text, None if unencrypted else self._options["passphrase"], label)

    def _import_reasons(self) -> list[str]:
        """For a CA given as texts: it is put into its place once and never over another."""
        given = authority.load_authority(self._options["certificate_content"], "certificate_content")
        text = self._options["privatekey_content"]
        passphrase = self._options["passphrase"] if keys.is_encrypted(text) else None
        key = keys.load(text, passphrase, "privatekey_content")
        authority.check_pair(key, given, "privatekey_content", "certificate_content")
        if self._certificate == given:
            return []
        other = self._certificate is not None or (self._key is not None and not keys.same_key(self._key, given))
        if other and self._options["replace"] != "key":
            raise PkiError(
                f"{self._place.label} holds another CA than the one given ({given.subject.rfc4514_string()}).",
                "Nothing was changed. Choose other paths, or set replace to key.",
            )
        self._check_new_passphrase()
        return ["the given CA is put into its place"]

    def generate(self) -> None:
        """Make or import the CA and write it, keeping what it replaces under another name."""
        if self._interrupted:
            self._place.finish()
            return
        options, passphrase = self._options, self._options["passphrase"] or None
        new_key = options["replace"] == "key" or self._key is None or bool(options["certificate_content"])
        if options["certificate_content"]:
            text = options["privatekey_content"]
            key = keys.load(text, passphrase if keys.is_encrypted(text) else None, "privatekey_content")
            certificate = authority.load_authority(options["certificate_content"], "certificate_content")
        else:
            key = keys.generate(self._spec.key) if new_key or self._key is None else self._key
            # The same name as before: what the old root issued goes on verifying with the new one.
            subject = self._certificate.subject if self._certificate is not None and not new_key else None
            certificate = authority.build_root(key, self._spec, self._now, subject)
        self._copies = self._place.keep_copies(self._now.strftime("%Y%m%dT%H%M%SZ"), new_key)
        self._place.write(keys.dump(key, passphrase) if new_key else None, dump([certificate]))
        self._key, self._certificate = key, certificate

    def dump(self) -> dict[str, Any]:
        """Facts and PEM of the certificate that is there."""
        if self._certificate is None:
            return {}
        return dict(describe(self._certificate).as_dict(), certificate=dump([self._certificate]))

    def predict(self) -> dict[str, Any]:
        """Facts of the CA after generate."""
        if self._interrupted:
            return self.dump()
        if self._options["certificate_content"]:
            given = authority.load_authority(self._options["certificate_content"], "certificate_content")
            return dict(describe(given).as_dict(), certificate=dump([given]))
        facts = dict(authority.predicted(self._spec, self._now), certificate=None)
        if self._options["replace"] != "key" and self._key is not None:
            facts["key_type"], facts["key_size"], facts["key_curve"] = key_kind(self._key)
            if self._certificate is not None:
                present = self.dump()
                facts.update(
                    {name: present[name] for name in ("subject", "issuer", "common_name", "issuer_common_name")}
                )
        return facts

    def attributes(self) -> bool:
        """Owner and mode of both files."""
        options = self._options
        changed = files.apply_attributes(self._module, options["privatekey_path"], options["privatekey_mode"])
        return files.apply_attributes(self._module, options["path"], options["mode"]) or changed

    def report(self) -> dict[str, Any]:
        """Paths, and whether the CA should be replaced."""
        values: dict[str, Any] = {
            "path": self._options["path"],
            "privatekey_path": self._options["privatekey_path"],
            "backup_files": self._copies,
            "days_left": None,
            "replace_recommended": False,
            "must_be_replaced": False,
            "replace_reason": None,
            "differences": [],
        }
        if self._certificate is None:
            return values
        verdict = authority.judge(self._certificate, self._spec, self._now)
        if verdict.reason:
            self._module.warn(f"{self._place.label}: {verdict.reason}. It is not replaced unasked.")
        return dict(
            values,
            days_left=round(days_left(self._certificate, self._now), 2),
            replace_recommended=verdict.replace_recommended,
            must_be_replaced=verdict.must_be_replaced,
            replace_reason=verdict.reason,
            differences=list(verdict.differences),
        )
