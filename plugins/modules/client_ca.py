#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_ca
short_description: Make, adopt and watch the CA for client certificates
version_added: "0.1.0"
description:
  - Makes the private CA whose certificates Cloudflare's edge presents to origins, a self-signed root and its key.
  - A key and a certificate that are there already are adopted as they are, whoever made them.
  - Nothing that exists is ever overwritten unasked. That a CA should be replaced is returned and warned of.
author:
  - originlock contributors (@originlock)
extends_documentation_fragment:
  - ansible.builtin.files
  - originlock.aop.pki
  - originlock.aop.pki.key
attributes:
  check_mode:
    support: full
    description: Values that nobody can know before they are made (serial, fingerprints, PEM) are null then.
  diff_mode:
    support: full
    description: Compares the public facts of the certificates.
options:
  zone:
    description: The domain that the CA is for; its common name, unless O(common_name) says another.
    type: str
  common_name:
    description: The common name of a new CA; 64 characters at most.
    type: str
  path:
    description:
      - The file of the CA certificate. The directory has to exist.
      - The file options (owner, group, mode and others) are for this file; owner and group also for the key.
    type: path
    required: true
  privatekey_path:
    description: The file of the CA key.
    type: path
    required: true
  privatekey_mode:
    description: The mode of the key's file.
    type: raw
    default: "0600"
  passphrase:
    description:
      - Encrypts the key with AES-256, and opens one that exists. At least 8 characters for a new key.
      - Keep it in Ansible Vault.
    type: str
  allow_unencrypted_key:
    description: Make or adopt a key without a passphrase. Without this it is refused.
    type: bool
    default: false
  valid_days:
    description: How long a new root is valid.
    type: int
    default: 1826
  renew_before:
    description:
      - RV(replace_recommended) is returned from so many days before the CA expires.
      - By default that is when it becomes too late to issue certificates of 730 days from it.
    type: float
    default: 760
  replace:
    description:
      - V(never) leaves a CA that exists as it is.
      - V(certificate) makes a new root certificate with the same name and key. What was issued before verifies with it.
      - V(key) makes a new CA. Origins have to trust both until the edge presents no certificate of the old one.
      - What is replaced is kept beside the new files, see RV(backup_files).
      - This is done in each run that asks for it; say it once on the command line, not in a playbook.
    type: str
    choices: [never, certificate, key]
    default: never
  certificate_content:
    description:
      - The certificate of a CA to be put into place, as PEM text; together with O(privatekey_content).
      - A text that holds a private key, too, is refused.
      - Over another CA this is refused unless O(replace) is V(key).
    type: str
  privatekey_content:
    description:
      - The key of that CA as PEM text, in the clear or encrypted with O(passphrase).
      - It is stored encrypted with O(passphrase).
    type: str
seealso:
  - module: originlock.aop.client_certificate
  - module: originlock.aop.certificate_info
"""

EXAMPLES = r"""
- name: A CA for the zone
  originlock.aop.client_ca:
    zone: example.com
    path: pki/example.com/ca.pem
    privatekey_path: pki/example.com/ca.key
    passphrase: "{{ aop_ca_passphrase }}"

- name: Adopt the company's CA from texts in the vault
  originlock.aop.client_ca:
    zone: example.com
    path: pki/example.com/ca.pem
    privatekey_path: pki/example.com/ca.key
    passphrase: "{{ aop_ca_passphrase }}"
    certificate_content: "{{ company_ca_certificate }}"
    privatekey_content: "{{ company_ca_key }}"
"""

RETURN = r"""
reasons:
  description: Why something was, or in check mode would be, made anew; empty where nothing was.
  returned: success
  type: list
  elements: str
  sample: [the certificate does not exist]
replace_recommended:
  description: The CA expires within O(renew_before) days.
  returned: success
  type: bool
must_be_replaced:
  description: The CA has expired.
  returned: success
  type: bool
replace_reason:
  description: Why, in words.
  returned: success
  type: str
differences:
  description: In what a CA that exists differs from the options. It is left so.
  returned: success
  type: list
  elements: str
days_left:
  description: Days until the CA expires.
  returned: success
  type: float
  sample: 1825.96
path:
  description: The file of the certificate.
  returned: success
  type: str
privatekey_path:
  description: The file of the key.
  returned: success
  type: str
backup_files:
  description: Where the files of a replaced CA are kept.
  returned: success
  type: list
  elements: str
certificate:
  description: The CA certificate as PEM text. This is what origins trust.
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
from ansible_collections.originlock.aop.plugins.module_utils._engine.pki_authority import CLIENT_CA_SPEC, client_ca


def main() -> None:
    """Run the module."""
    module = Module(
        argument_spec=CLIENT_CA_SPEC,
        required_one_of=[("zone", "common_name")],
        required_together=[("certificate_content", "privatekey_content")],
        add_file_common_args=True,
        supports_check_mode=True,
    )
    run(module, client_ca)


if __name__ == "__main__":
    main()
