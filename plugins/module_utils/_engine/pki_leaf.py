# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client certificate as something that a module keeps: issued, adopted, renewed in time."""

from __future__ import annotations

from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._engine import files, pki, private_keys
from ansible_collections.originlock.aop.plugins.module_utils._engine.pki_issuer import Issuer
from ansible_collections.originlock.aop.plugins.module_utils._engine.pki_place import FilePlace, MemoryPlace, Pair
from ansible_collections.originlock.aop.plugins.module_utils._pki import authority, keys, leaf, pem
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.facts import days_left, describe, is_ca, key_kind
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import serialization, x509
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import dump, parse_bundle

LEAF_SPEC: dict[str, Any] = {
    "common_name": {"type": "str", "required": True},
    "subject_alt_names": {"type": "list", "elements": "str"},
    "ca_passphrase": {"type": "str", "no_log": True},
    **pki.KEY_SPEC,
    "valid_days": {"type": "int", "default": 730},
    "renew_before": {"type": "float", "default": 30},
    "on_ca_expiry": {"type": "str", "choices": ["fail", "clamp"], "default": "fail"},
    "regenerate": {"type": "str", "choices": ["when_needed", "never", "always"], "default": "when_needed"},
    "reuse_privatekey": {"type": "bool", "default": False, "no_log": False},
}
CLIENT_CERTIFICATE_SPEC: dict[str, Any] = {
    **LEAF_SPEC,
    "path": {"type": "path", "required": True},
    "privatekey_path": {"type": "path", "required": True},
    "privatekey_mode": {"type": "raw", "default": "0600", "no_log": False},
    "csr_path": {"type": "path"},
    "ca_path": {"type": "path", "required": True},
    "ca_privatekey_path": {"type": "path"},
}
CLIENT_CERTIFICATE_PIPE_SPEC: dict[str, Any] = {
    **LEAF_SPEC,
    "certificate_content": {"type": "str"},
    "privatekey_content": {"type": "str", "no_log": True},
    "ca_path": {"type": "path"},
    "ca_content": {"type": "str"},
    "ca_privatekey_path": {"type": "path"},
    "ca_privatekey_content": {"type": "str", "no_log": True},
}


def client_certificate(module: Any) -> dict[str, Any]:
    """The work of the module client_certificate."""
    pki.require_library(module)
    with files.locked(module.params["path"], module.params["privatekey_path"]):
        return pki.converge(module, FileLeafBackend(module))


def client_certificate_pipe(module: Any) -> dict[str, Any]:
    """The work of the module client_certificate_pipe."""
    for option in ("certificate_content", "ca_content"):
        private_keys.refuse(module.params[option], option)
    pki.require_library(module)
    return pki.converge(module, PipeLeafBackend(module))


class LeafBackend:
    """The four questions, asked about a pair of key and certificate wherever it is kept."""

    def __init__(self, module: Any, place: FilePlace | MemoryPlace) -> None:
        self._module = module
        self._options: dict[str, Any] = module.params
        options = self._options
        self._now = pki.utc_now()
        self._place = place
        names = options["subject_alt_names"]
        self._spec = leaf.LeafSpec(
            common_name=options["common_name"],
            names=tuple([options["common_name"]] if names is None else names),
            valid_days=options["valid_days"],
            renew_before=options["renew_before"],
            digest=options["digest"],
            key=keys.KeySpec(options["key_type"], options["key_size"], options["curve"]),
            clamp=options["on_ca_expiry"] == "clamp",
        )
        self._issuer = Issuer(module)
        self._key: keys.PrivateKey | None = None
        self._certificate: x509.Certificate | None = None
        self._interrupted = False
        self._advice: authority.Judgement | None = None

    def check_arguments(self) -> None:
        """Names, lifetimes and the CA."""
        self._spec.check()
        self._issuer.load(self._now)

    def reasons(self) -> list[str]:
        """Why a certificate has to be issued. Raises PkiError where it must not, or cannot."""
        pair = self._place.read()
        always = self._options["regenerate"] == "always"
        if always:
            self._load_to_replace(pair)
        else:
            self._load(pair)
        if self._interrupted:
            return ["an interrupted replacement has to be completed"]
        if not self._module.check_mode:
            self._place.tidy()
        found = ["a new one was asked for"] if always else self._needs()
        if found:
            self._check_issuing(found)
        return found

    def _needs(self) -> list[str]:
        if self._certificate is None:
            if self._key is None:
                return ["the certificate does not exist"]
            self._check_lone_key(self._key)
            return ["the certificate is missing; the private key exists and is used"]
        if self._issuer.certificate is not None:
            leaf.check_existing(
                self._certificate, self._issuer.certificate, self._place.label, self._issuer.label, self._now
            )
        found = leaf.reasons(self._certificate, self._spec)
        if self._key is None:
            found.append("its private key is missing")
        verdict = leaf.judge(self._certificate, self._spec, self._now)
        if verdict.reason and (verdict.must_be_replaced or self._may_renew()):
            found.append(verdict.reason)
        elif verdict.reason:
            self._advice = verdict
        return found

    def _check_lone_key(self, key: keys.PrivateKey) -> None:
        """A key that waits for its certificate is neither overwritten nor used against the options."""
        differences = self._spec.key.differences(*key_kind(key))
        if differences:
            raise PkiError(
                f"The key {self._place.key_label} has no certificate and is another one than wanted: "
                f"{'; '.join(differences)}.",
                "Nothing was changed. Move it away, or leave key_type, key_size and curve out.",
            )

    def _may_renew(self) -> bool:
        """Renewal is possible and wins something; where not, the present one is left as long as it is valid."""
        ca, certificate = self._issuer.certificate, self._certificate
        if self._options["regenerate"] == "never" or not self._issuer.can_sign or ca is None or certificate is None:
            return False
        return not self._spec.clamp or leaf.renewal_helps(certificate, self._spec, ca, self._now)

    def _check_issuing(self, found: list[str]) -> None:
        """The same refusals in check mode as in the real run."""
        label = f"{self._place.label} ({self._spec.common_name})"
        if self._options["regenerate"] == "never":
            raise PkiError(
                f"The client certificate {label} does not do: {'; '.join(found)}.",
                "Replace it by hand, or set regenerate to when_needed.",
            )
        self._issuer.check_can_sign(label, found)
        if self._issuer.certificate is not None:
            authority.check_usable(self._issuer.certificate, self._issuer.label, self._now)
            leaf.end_of_life(self._spec, self._issuer.certificate, self._issuer.label, self._now)

    def _load(self, pair: Pair) -> None:
        label, key_label = self._place.label, self._place.key_label
        if pair.certificate is not None:
            self._certificate = _single(pair.certificate, label)
        if pair.key is not None:
            self._key = _leaf_key(pair.key, key_label)
        if self._certificate is None or (self._key is not None and keys.same_key(self._key, self._certificate)):
            return
        if pair.staged_key is not None:
            staged = _leaf_key(pair.staged_key, files.staged_path(key_label))
            if keys.same_key(staged, self._certificate):
                self._key, self._interrupted = staged, True
                return
        if self._key is not None:
            authority.check_pair(self._key, self._certificate, key_label, label)

    def _load_to_replace(self, pair: Pair) -> None:
        """Only make sure that it is a key and a client certificate which are about to go."""
        if pair.certificate is not None:
            self._certificate = _single(pair.certificate, self._place.label)
        if pair.key is not None and not any(
            block.is_private_key for block in pem.split(pair.key, self._place.key_label)
        ):
            raise PkiError(
                f"{self._place.key_label} holds no private key.", "Nothing was changed. Choose another path."
            )
        if pair.key is not None and self._options["reuse_privatekey"]:
            self._key = _leaf_key(pair.key, self._place.key_label)

    def generate(self) -> None:
        """Issue and store; or complete what was interrupted."""
        if self._interrupted:
            self._place.finish()
            return
        kept = self._kept_key()
        key = kept if kept is not None else keys.generate(self._spec.key)
        certificate = self._issuer.issue(key, self._spec, self._now)
        self._place.write(None if kept is not None else keys.dump(key), dump([certificate]))
        self._key, self._certificate = key, certificate

    def _kept_key(self) -> keys.PrivateKey | None:
        """The present key where the next certificate is for the same one."""
        key = self._key
        if key is None or not (self._certificate is None or self._options["reuse_privatekey"]):
            return None
        return None if self._spec.key.differences(*key_kind(key)) else key

    def dump(self) -> dict[str, Any]:
        """Facts and PEM of the certificate that is there."""
        if self._certificate is None:
            return {}
        return dict(describe(self._certificate).as_dict(), certificate=dump([self._certificate]))

    def predict(self) -> dict[str, Any]:
        """Facts of the certificate after generate."""
        if self._interrupted:
            return self.dump()
        facts = dict(leaf.predicted(self._spec, self._issuer.certificate, self._now), certificate=None)
        kept = self._kept_key()
        if kept is not None:
            facts["key_type"], facts["key_size"], facts["key_curve"] = key_kind(kept)
        return facts

    def attributes(self) -> bool:
        """Nothing has owner or mode here."""
        return False

    def report(self) -> dict[str, Any]:
        """The CA, and whether it is time for another certificate that could not be issued here."""
        advice, certificate = self._advice, self._certificate
        if advice is not None:
            self._module.warn(f"{self._place.label}: {advice.reason}, and it was not renewed.")
        return {
            "ca_certificate": dump([self._issuer.certificate]) if self._issuer.certificate is not None else None,
            "days_left": round(days_left(certificate, self._now), 2) if certificate is not None else None,
            "replace_recommended": advice is not None,
            "replace_reason": advice.reason if advice is not None else None,
        }


class FileLeafBackend(LeafBackend):
    """Kept in files, with the request beside them where that is wanted."""

    def __init__(self, module: Any) -> None:
        super().__init__(module, FilePlace(module.params["privatekey_path"], module.params["path"]))
        self._pair_fits = True
        self._csr: str | None = None

    def reasons(self) -> list[str]:
        """Also why the request has to be written."""
        found = super().reasons()
        self._pair_fits = not found
        path = self._options["csr_path"]
        if path is None:
            return found
        self._csr = files.read_text(path, "The signing request")
        if self._csr is None:
            return found or ["the signing request is missing"]
        request = _request(self._csr, path)
        if not found and self._key is not None and not keys.same_key(self._key, request):
            return ["the signing request is for another key"]
        return found

    def generate(self) -> None:
        """The pair first: a request without it is of no use."""
        if not self._pair_fits:
            super().generate()
        path = self._options["csr_path"]
        if path is not None and self._key is not None:
            request = leaf.build_request(self._key, self._spec)
            self._csr = request.public_bytes(serialization.Encoding.PEM).decode("ascii")
            files.stage(path, self._csr, files.default_public_mode())
            files.promote(path)

    def predict(self) -> dict[str, Any]:
        """Where only the request is missing the certificate stays."""
        return self.dump() if self._pair_fits else super().predict()

    def attributes(self) -> bool:
        """Owner and mode of the files."""
        options = self._options
        changed = files.apply_attributes(self._module, options["privatekey_path"], options["privatekey_mode"])
        for path in filter(None, (options["path"], options["csr_path"])):
            changed = files.apply_attributes(self._module, path, options["mode"]) or changed
        return changed

    def report(self) -> dict[str, Any]:
        """Also the paths, and the request."""
        paths = {name: self._options[name] for name in ("path", "privatekey_path", "csr_path")}
        return dict(super().report(), csr=self._csr, **paths)


class PipeLeafBackend(LeafBackend):
    """Given and returned as texts."""

    def __init__(self, module: Any) -> None:
        self._memory = MemoryPlace(module.params["privatekey_content"], module.params["certificate_content"])
        super().__init__(module, self._memory)

    def report(self) -> dict[str, Any]:
        """Also the new private key. One that was given is not handed back: Ansible would mask it anyway."""
        return dict(super().report(), privatekey=self._memory.new_key)


def _single(text: str, label: str) -> x509.Certificate:
    certificates = parse_bundle(text, label)
    if len(certificates) != 1:
        raise PkiError(
            f"{label} holds {len(certificates)} certificates; one client certificate is expected.",
            "Nothing was changed. Keep the CA's certificates in another file.",
        )
    if is_ca(certificates[0]):
        raise PkiError(
            f"{label} ({certificates[0].subject.rfc4514_string()}) is a CA certificate, not a client certificate.",
            "Nothing was changed. Choose another path.",
        )
    return certificates[0]


def _leaf_key(text: str, label: str) -> keys.PrivateKey:
    if keys.is_encrypted(text):
        raise PkiError(
            f"The key {label} is encrypted; Cloudflare takes the key of a client certificate in the clear only.",
            "Nothing was changed. Decrypt it (openssl pkey), or choose another path.",
        )
    return keys.load(text, None, label)


def _request(text: str, label: str) -> x509.CertificateSigningRequest:
    try:
        return x509.load_pem_x509_csr(text.encode("utf-8"))
    except ValueError:
        raise PkiError(
            f"{label} is not a certificate signing request.", "Nothing was changed. Choose another csr_path."
        ) from None
