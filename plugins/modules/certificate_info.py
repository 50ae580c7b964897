#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Tell what a PEM file is
version_added: "0.1.0"
description:
  - Tells our CA, our client certificate, Cloudflare's shared pull CA, an Origin CA root or certificate, a private key,
    a bundle and a web page from each other, and whether it would do as the certificate that the edge presents.
  - Never fails because of what a file holds; only where there is no file.
author:
  - originlock contributors (@originlock)
extends_documentation_fragment:
  - originlock.aop.pki
attributes:
  check_mode:
    support: full
    description: The module only reads.
  diff_mode:
    support: none
    description: Nothing changes.
options:
  path:
    description: The file to look at, on the host that the task runs on.
    type: path
  content:
    description: The text to look at.
    type: str
  verify_against:
    description: CA certificates as PEM text; says in RV(verified) whether the first certificate verifies with them.
    type: str
  verify_against_path:
    description: A file of CA certificates, for the same.
    type: path
"""

EXAMPLES = r"""
- name: What is that file on the origin
  originlock.aop.certificate_info:
    path: /etc/nginx/aop/app.example.com.pem
  register: found

- name: Would the edge's certificate be accepted
  originlock.aop.certificate_info:
    path: pki/example.com/app.pem
    verify_against_path: pki/example.com/ca.pem
  delegate_to: localhost
"""

RETURN = r"""
kind:
  description:
    - V(client_ca), V(client_certificate), V(server_certificate), V(cloudflare_shared_pull_ca), V(origin_ca_root),
      V(origin_ca_certificate), V(html), V(private_key), V(bundle) or V(unknown).
    - V(bundle) is more than one certificate, or a certificate together with a key.
  returned: success
  type: str
  sample: client_certificate
usable_as_client_certificate:
  description: Whether it can be uploaded to Cloudflare and will be accepted by origins that trust its CA.
  returned: success
  type: bool
reasons:
  description: Why it is not usable as a client certificate; empty where it is.
  returned: success
  type: list
  elements: str
verified:
  description: Whether the first certificate verifies with the given CAs; null where none are given.
  returned: success
  type: bool
verify_reason:
  description: Why it does not verify.
  returned: success
  type: str
contains_private_key:
  description: Whether a private key is in it.
  returned: success
  type: bool
private_key_encrypted:
  description: Whether that key is encrypted; null without a key.
  returned: success
  type: bool
days_left:
  description: Days until the first of the certificates expires; null without certificates.
  returned: success
  type: float
path:
  description: The file that was looked at.
  returned: success
  type: str
certificates:
  description: The certificates in it, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: Which of the kinds this one is.
      type: str
    days_left:
      description: Days until this one expires.
      type: float
    subject:
      description: Distinguished name, as RFC 4514 text.
      type: str
      sample: CN=app.example.com
    issuer:
      description: Distinguished name of the issuer, as RFC 4514 text.
      type: str
      sample: CN=example.com
    common_name:
      description: Common name of the subject.
      type: str
      sample: app.example.com
    issuer_common_name:
      description: Common name of the issuer.
      type: str
      sample: example.com
    serial:
      description: Serial number in upper-case hexadecimal, as nginx and Apache log it.
      type: str
      sample: 3C9A5F0B1D2E4F60718293A4B5C6D7E8F9012345
    serial_decimal:
      description: Serial number in decimal, as text.
      type: str
      sample: "345678901234567890"
    fingerprint_sha256:
      description: SHA-256 over the certificate, lower-case hexadecimal.
      type: str
      sample: 5b7f...
    fingerprint_sha1:
      description: SHA-1 over the certificate, lower-case hexadecimal, as nginx logs it.
      type: str
      sample: ee31...
    not_before:
      description: Start of validity.
      type: str
      sample: "2026-01-01T00:00:00Z"
    not_after:
      description: End of validity.
      type: str
      sample: "2028-01-01T00:00:00Z"
    subject_alt_names:
      description: DNS names in subjectAltName.
      type: list
      elements: str
      sample: [app.example.com]
    is_ca:
      description: Whether basicConstraints say CA:TRUE.
      type: bool
    self_signed:
      description: Whether it is signed by its own key.
      type: bool
    key_type:
      description: Kind of the key.
      type: str
      sample: RSA
    key_size:
      description: Size of the key in bits.
      type: int
      sample: 4096
    key_curve:
      description: Curve of an ECDSA key.
      type: str
      sample: P-256
    signature_hash:
      description: Hash in the signature.
      type: str
      sample: sha256
    key_usage:
      description: The bits of keyUsage.
      type: list
      elements: str
      sample: [digitalSignature]
    extended_key_usage:
      description: The purposes in extendedKeyUsage.
      type: list
      elements: str
      sample: [clientAuth]
    subject_key_identifier:
      description: Hexadecimal.
      type: str
    authority_key_identifier:
      description: Hexadecimal.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.plugins.module_utils._engine.pki_info import (
    CERTIFICATE_INFO_SPEC,
    certificate_info,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=CERTIFICATE_INFO_SPEC,
        required_one_of=[("path", "content")],
        mutually_exclusive=[("path", "content"), ("verify_against", "verify_against_path")],
        supports_check_mode=True,
    )
    run(module, certificate_info)


if __name__ == "__main__":
    main()
