#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_certificate
short_description: Issue, adopt and renew a client certificate
version_added: "0.1.0"
description:
  - Makes the key, the signing request and the certificate that Cloudflare's edge presents to origins, in one task.
  - The certificate has CA:FALSE, keyUsage digitalSignature, extendedKeyUsage clientAuth and DNS names.
    Cloudflare takes less, origins do not.
  - It never outlives its CA, and it is renewed O(renew_before) days before it expires, with a new key.
  - A pair that is there already and fits is adopted. What does not belong there is refused and not touched.
  - A run that is cut off leaves a pair that fits, or one that the next run completes.
author:
  - originlock contributors (@originlock)
extends_documentation_fragment:
  - ansible.builtin.files
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
  path:
    description:
      - The file of the certificate. The directory has to exist.
      - The file options (owner, group, mode and others) are for this file and the request; owner and group also for
        the key.
    type: path
    required: true
  privatekey_path:
    description: The file of the key, which is not encrypted, because Cloudflare takes it in the clear only.
    type: path
    required: true
  privatekey_mode:
    description: The mode of the key's file.
    type: raw
    default: "0600"
  csr_path:
    description: A file for the signing request, where one is wanted.
    type: path
  ca_path:
    description: The file of the CA certificate, see M(originlock.aop.client_ca).
    type: path
    required: true
  ca_privatekey_path:
    description: The file of the CA's key. Without it a certificate that is there can be used, but none be issued.
    type: path
notes:
  - In check mode the CA may be missing, because the task that makes it was only predicted.
seealso:
  - module: originlock.aop.client_ca
  - module: originlock.aop.client_certificate_pipe
"""

EXAMPLES = r"""
- name: A client certificate for one hostname
  originlock.aop.client_certificate:
    common_name: app.example.com
    path: pki/example.com/app.pem
    privatekey_path: pki/example.com/app.key
    ca_path: pki/example.com/ca.pem
    ca_privatekey_path: pki/example.com/ca.key
    ca_passphrase: "{{ aop_ca_passphrase }}"

- name: One for several hostnames, and rather shorter than none
  originlock.aop.client_certificate:
    common_name: app.example.com
    subject_alt_names: [app.example.com, api.example.com]
    path: pki/example.com/leaf.pem
    privatekey_path: pki/example.com/leaf.key
    ca_path: pki/example.com/ca.pem
    ca_privatekey_path: pki/example.com/ca.key
    ca_passphrase: "{{ aop_ca_passphrase }}"
    on_ca_expiry: clamp
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
csr:
  description: The signing request as PEM text, where O(csr_path) is given.
  returned: success
  type: str
path:
  description: The file of the certificate.
  returned: success
  type: str
privatekey_path:
  description: The file of the key.
  returned: success
  type: str
csr_path:
  description: The file of the signing request.
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.plugins.module_utils._engine.pki_leaf import (
    CLIENT_CERTIFICATE_SPEC,
    client_certificate,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=CLIENT_CERTIFICATE_SPEC,
        add_file_common_args=True,
        supports_check_mode=True,
    )
    run(module, client_certificate)


if __name__ == "__main__":
    main()
