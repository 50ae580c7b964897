#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hostname_certificate_info
short_description: List client certificates for hostnames at Cloudflare
version_added: "0.1.0"
description:
  - Lists the client certificates for hostnames of a zone. Changes nothing.
  - Runs on the controller.
author:
  - originlock contributors (@originlock)
extends_documentation_fragment:
  - originlock.aop.cloudflare
  - originlock.aop.cloudflare.zone
attributes:
  check_mode:
    support: full
    description: The module only reads.
  diff_mode:
    support: none
    description: Nothing changes.
options:
  certificate_ids:
    description:
      - Return these only. Certificates that the list does not show (it lags behind uploads, and leaves out deleted
        ones) are asked for by id.
    type: list
    elements: str
seealso:
  - module: originlock.aop.hostname_certificate
"""

EXAMPLES = r"""
- name: All client certificates of the zone
  originlock.aop.hostname_certificate_info:
    zone: example.com
  delegate_to: localhost
  register: at_cloudflare
"""

RETURN = r"""
certificates:
  description: The certificates. Without O(certificate_ids) those that are deleted are left out.
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine import cloudflare, cloudflare_certificates


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=cloudflare.merge(cloudflare.CONNECTION, cloudflare_certificates.INFO_SPEC),
        supports_check_mode=True,
    )
    cloudflare.run_with_client(module, cloudflare_certificates.read_hostname_certificates)


if __name__ == "__main__":
    main()
