# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the PKI modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation only; the specification is in module_utils."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - cryptography >= 41 on the host that the module runs on
"""

    KEY = r"""
options:
  key_type:
    description:
      - The kind of a new private key, V(RSA) where nothing is said.
      - Where it is said and an existing key is of another kind, that is a difference; where it is not, any key fits.
    type: str
    choices: [RSA, ECDSA]
  key_size:
    description:
      - The size of a new RSA key in bits, 2048 to 8192, and 4096 where nothing is said.
      - For V(RSA) only.
    type: int
  curve:
    description:
      - The curve of a new ECDSA key, V(P-256) where nothing is said.
      - For V(ECDSA) only.
    type: str
    choices: [P-256, P-384]
  digest:
    description: The hash in signatures.
    type: str
    choices: [sha256, sha384, sha512]
    default: sha256
"""

    LEAF = r"""
options:
  common_name:
    description: The common name, as a rule the hostname that the edge pulls for; 64 characters at most.
    type: str
    required: true
  subject_alt_names:
    description:
      - Hostnames for subjectAltName.
      - The common name where nothing is said.
    type: list
    elements: str
  ca_passphrase:
    description: The passphrase of the CA's key.
    type: str
  valid_days:
    description: How long a new certificate is valid.
    type: int
    default: 730
  renew_before:
    description: A certificate that expires within so many days is issued anew.
    type: float
    default: 30
  on_ca_expiry:
    description:
      - What to do where a new certificate would outlive its CA.
      - V(fail) refuses, V(clamp) shortens it to the end of the CA.
    type: str
    choices: [fail, clamp]
    default: fail
  regenerate:
    description:
      - V(when_needed) issues where there is nothing, where it is time, and where names or key differ from the options.
      - V(never) uses what is there, or fails. Where it is merely time for renewal, RV(replace_recommended) is returned.
      - V(always) issues in each run, also over a client certificate of another CA or with another key.
    type: str
    choices: [when_needed, never, always]
    default: when_needed
  reuse_privatekey:
    description:
      - Keep the private key when a certificate is issued anew, instead of making a new one.
      - A key of another kind than asked for is replaced all the same.
    type: bool
    default: false
"""
