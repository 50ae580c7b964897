#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_certificate_pipe
short_description: Issue a client certificate without touching a disk
version_added: "0.1.0"
description:
  - The same as M(originlock.aop.client_certificate), with texts instead of files.
  - Give the certificate and key of an earlier run, say from a secret store, and they are judged and renewed in time.
    Without them each run issues a new pair.
  - A new private key is returned. Set C(no_log) on the task to keep it out of the output and of callbacks.
author:
  - originlock contributors (@originlock)
extends_documentation_fragment:
  - originlock.aop.pki
  - originlock.aop.pki.key
  - originlock.aop.pki.leaf
attributes:
  check_mode:
    support: full
    description: Values that nobody can know before they are made (serial, fingerprints, PEM) are null then.
  diff_mode:
    support: full
    description: Compares the public facts of the certificates.
options:
  certificate_content:
    description: The present certificate as PEM text. One that holds a private key, too, is refused.
    type: str
  privatekey_content:
    description: The present key as PEM text.
    type: str
  ca_path:
    description: The file of the CA certificate.
    type: path
  ca_content:
    description: The CA certificate as PEM text. One that holds a private key, too, is refused.
    type: str
  ca_privatekey_path:
    description: The file of the CA's key.
    type: path
  ca_privatekey_content:
    description: The CA's key as PEM text.
    type: str
seealso:
  - module: originlock.aop.client_certificate
"""

EXAMPLES = r"""
- name: A pair for the secret store
  originlock.aop.client_certificate_pipe:
    common_name: app.example.com
    certificate_content: "{{ stored.certificate | default(omit) }}"
    privatekey_content: "{{ stored.privatekey | default(omit) }}"
    ca_content: "{{ ca_certificate }}"
    ca_privatekey_content: "{{ ca_key }}"
    ca_passphrase: "{{ aop_ca_passphrase }}"
  no_log: true
  register: leaf
"""

RETURN = r"""
reasons:
  description: Why something was, or in check mode would be, made anew; empty where nothing was.
  returned: success
  type: list
  elements: str
  sample: [the certificate does not exist]
ca_certificate:
  description: The certificate of the CA as PEM text.
  returned: success
  type: str
days_left:
  description: Days until the certificate expires.
  returned: success
  type: float
replace_recommended:
  description: It is time for a new certificate, but it could not or must not be issued here.
  returned: success
  type: bool
replace_reason:
  description: Why, in words.
  returned: success
  type: str
certificate:
  description: The client certificate as PEM text.
  returned: success
  type: str
privatekey:
  description:
    - The new private key as PEM text.
    - Null where none was made, and in check mode. A key that was given is not handed back.
  returned: success
  type: str
subject:
  description: Distinguished name, as RFC 4514 text.
  returned: success
  type: str
  sample: CN=app.example.com
issuer:
  description: Distinguished name of the issuer, as RFC 4514 text.
  returned: success
  type: str
  sample: CN=example.com
common_name:
  description: Common name of the subject.
  returned: success
  type: str
  sample: app.example.com
issuer_common_name:
  description: Common name of the issuer.
  returned: success
  type: str
  sample: example.com
serial:
  description: Serial number in upper-case hexadecimal, as nginx and Apache log it.
  returned: success
  type: str
  sample: 3C9A5F0B1D2E4F60718293A4B5C6D7E8F9012345
serial_decimal:
  description: Serial number in decimal, as text.
  returned: success
  type: str
  sample: "345678901234567890"
fingerprint_sha256:
  description: SHA-256 over the certificate, lower-case hexadecimal.
  returned: success
  type: str
  sample: 5b7f...
fingerprint_sha1:
  description: SHA-1 over the certificate, lower-case hexadecimal, as nginx logs it.
  returned: success
  type: str
  sample: ee31...
not_before:
  description: Start of validity.
  returned: success
  type: str
  sample: "2026-01-01T00:00:00Z"
not_after:
  description: End of validity.
  returned: success
  type: str
  sample: "2028-01-01T00:00:00Z"
subject_alt_names:
  description: DNS names in subjectAltName.
  returned: success
  type: list
  elements: str
  sample: [app.example.com]
is_ca:
  description: Whether basicConstraints say CA:TRUE.
  returned: success
  type: bool
self_signed:
  description: Whether it is signed by its own key.
  returned: success
  type: bool
key_type:
  description: Kind of the key.
  returned: success
  type: str
  sample: RSA
key_size:
  description: Size of the key in bits.
  returned: success
  type: int
  sample: 4096
key_curve:
  description: Curve of an ECDSA key.
  returned: success
  type: str
  sample: P-256
signature_hash:
  description: Hash in the signature.
  returned: success
  type: str
  sample: sha256
key_usage:
  description: The bits of keyUsage.
  returned: success
  type: list
  elements: str
  sample: [digitalSignature]
extended_key_usage:
  description: The purposes in extendedKeyUsage.
  returned: success
  type: list
  elements: str
  sample: [clientAuth]
subject_key_identifier:
  description: Hexadecimal.
  returned: success
  type: str
authority_key_identifier:
  description: Hexadecimal.
  returned: success
  type: str
"""

from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.plugins.module_utils._engine.module import Module
from ansible_collections.originlock.aop.plugins.module_utils._engine.pki_leaf import (
    CLIENT_CERTIFICATE_PIPE_SPEC,
    client_certificate_pipe,
)


def main() -> None:
    """Run the module."""
    module = Module(
        argument_spec=CLIENT_CERTIFICATE_PIPE_SPEC,
        required_one_of=[("ca_path", "ca_content")],
        mutually_exclusive=[("ca_path", "ca_content"), ("ca_privatekey_path", "ca_privatekey_content")],
        supports_check_mode=True,
    )
    run(module, client_certificate_pipe)


if __name__ == "__main__":
    main()
