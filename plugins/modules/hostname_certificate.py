#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hostname_certificate
short_description: Client certificates for hostnames at Cloudflare
version_added: "0.1.0"
description:
  - Uploads client certificates that Cloudflare's edge can present to origins (per-hostname Authenticated Origin Pulls),
    each once, waits until they are active, and deletes them.
  - A certificate is recognised by the SHA-256 of its content, so a run after a lost answer or a killed run adopts what
    is there and never makes a second one.
  - Certificates cannot be changed. To replace one, upload the next, move the associations, and delete the old one.
  - Runs on the controller.
author:
  - originlock contributors (@originlock)
extends_documentation_fragment:
  - originlock.aop.cloudflare
  - originlock.aop.cloudflare.zone
  - originlock.aop.cloudflare.wait
attributes:
  check_mode:
    support: full
    description: Tells what would be uploaded or deleted. Writes nothing.
  diff_mode:
    support: full
    description: Shows certificates by SHA-256, without their keys.
options:
  certificate:
    description: The leaf certificate in PEM format. Exactly one, no CA and no private key.
    type: str
  certificate_path:
    description: File with that certificate, on the machine the module runs on.
    type: path
  private_key:
    description: >-
      The leaf's private key in PEM format, without a passphrase. Needed where the certificate is not at Cloudflare
      yet. It is never returned.
    type: str
  private_key_path:
    description: File with that private key, on the machine the module runs on.
    type: path
  certificate_id:
    description: Id of a certificate, to delete it.
    type: str
  certificates:
    description:
      - Several certificates in one task, instead of a single one. Ten uploads cost one list and ten uploads.
    type: list
    elements: dict
    suboptions:
      certificate:
        description: The leaf certificate in PEM format. Exactly one, no CA and no private key.
        type: str
      certificate_path:
        description: File with that certificate, on the machine the module runs on.
        type: path
      private_key:
        description: >-
          The leaf's private key in PEM format, without a passphrase. Needed where the certificate is not at Cloudflare
          yet. It is never returned.
        type: str
      private_key_path:
        description: File with that private key, on the machine the module runs on.
        type: path
      certificate_id:
        description: Id of a certificate, to delete it.
        type: str
  state:
    description:
      - V(present) uploads what is not there.
      - V(absent) deletes. A certificate in use is refused with the names of the hostnames; void their associations
        first, with M(originlock.aop.hostname_association). Associations that were just voided, and deployments under
        way, are waited for up to O(wait_timeout) seconds.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: originlock.aop.hostname_certificate_info
  - module: originlock.aop.hostname_association
"""

EXAMPLES = r"""
- name: Upload the client certificate of a hostname
  originlock.aop.hostname_certificate:
    zone: example.com
    certificate_path: /etc/aop/app.example.com.crt
    private_key_path: /etc/aop/app.example.com.key
  delegate_to: localhost
  register: uploaded

- name: Upload several in one go
  originlock.aop.hostname_certificate:
    zone: example.com
    certificates:
      - certificate: "{{ first.certificate }}"
        private_key: "{{ first.private_key }}"
      - certificate: "{{ second.certificate }}"
        private_key: "{{ second.private_key }}"
  delegate_to: localhost

- name: Delete one that is no longer used
  originlock.aop.hostname_certificate:
    zone: example.com
    certificate_id: "{{ uploaded.certificates[0].id }}"
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
certificates:
  description:
    - One entry for each certificate given, in the same order.
    - With O(state=absent) one for each that was deleted.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id at Cloudflare; null in check mode for a certificate that is not there yet.
      type: str
    sha256:
      description: SHA-256 of the certificate's DER form, lower-case hexadecimal.
      type: str
    serial_number:
      description: Serial number, decimal.
      type: str
    status:
      description: >-
        V(initializing), V(pending_deployment), V(active), V(pending_deletion), V(deleted),
        V(deployment_timed_out) or V(deletion_timed_out).
      type: str
    expires_on:
      description: End of validity.
      type: str
      sample: "2028-11-23T06:00:00Z"
    issuer:
      description: Issuer, as Cloudflare writes it.
      type: str
    signature:
      description: Signature algorithm, as Cloudflare writes it.
      type: str
    uploaded_on:
      description: Time of the upload.
      type: str
    certificate:
      description: The certificate in PEM format.
      type: str
    action:
      description: >-
        V(unchanged), V(created), V(adopted) (it was there, but the list showed it late or the answer to its upload was
        lost) or V(deleted).
      type: str
progress:
  description: What was seen while waiting, one line for each look.
  returned: success
  type: list
  elements: str
  sample: ["0 of 1 certificates active after 0 s (1 pending_deployment)", "1 of 1 certificates active after 3 s"]
zone:
  description: The zone. Name and account are null where an id was given.
  returned: success
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    name:
      description: Its name.
      type: str
    account_id:
      description: Id of the account that holds it.
      type: str
api_calls:
  description: Number of requests that were sent.
  returned: success
  type: int
  sample: 3
"""

from ansible_collections.originlock.aop.plugins.module_utils._engine import cloudflare, cloudflare_certificates
from ansible_collections.originlock.aop.plugins.module_utils._engine.module import Module


def main() -> None:
    """Entry point."""
    module = Module(
        argument_spec=cloudflare.merge(
            cloudflare.CONNECTION, cloudflare.WAITING, cloudflare_certificates.CERTIFICATE_SPEC
        ),
        mutually_exclusive=cloudflare_certificates.EXCLUSIVE,
        supports_check_mode=True,
    )
    cloudflare.run_with_client(module, cloudflare_certificates.manage_hostname_certificates)


if __name__ == "__main__":
    main()
