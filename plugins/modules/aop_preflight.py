#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aop_preflight
short_description: Find out what stands in the way of Authenticated Origin Pulls, at Cloudflare
version_added: "0.1.0"
description:
  - Reads a zone's state and settings, its certificates, associations and DNS records, looks at the given PEMs, and
    returns findings, each with code, severity, hostname and remedy.
  - Changes nothing. Permissions to write cannot be proved by reading; a finding says so.
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
  hostnames:
    description: The hostnames that are or will be protected.
    type: list
    elements: str
    default: []
  client_certificates:
    description: Leaves in PEM format that are going to be uploaded, or are uploaded. Never private keys.
    type: list
    elements: str
    default: []
  trust_bundles:
    description: What origins trust, in PEM format. Each client certificate must verify against them together.
    type: list
    elements: str
    default: []
  new_certificates:
    description: >-
      How many certificates will be uploaded. Without it those of O(client_certificates) are counted that are not at
      Cloudflare, or if there are none, those that hostnames without an association need which find no place on the
      zone's certificates (each takes O(hostnames_per_certificate)).
    type: int
  purposes:
    description: What the credentials are going to be used for.
    type: list
    elements: str
    choices: [associate, delete, upload, zone_tls_client_auth]
    default: [upload, associate]
  min_days:
    description: Warn about certificates of associations that expire within so many days.
    type: int
    default: 14
  certificates_per_zone:
    description: How many hostname certificates the zone can hold. Raise it only if Cloudflare raised it for you.
    type: int
    default: 10
  hostnames_per_certificate:
    description: How many hostnames a certificate can serve. Raise it only if Cloudflare raised it for you.
    type: int
    default: 100
  dns_check:
    description:
      - The hostnames whose DNS records are looked at, which needs the permission C(DNS Read).
      - V(unassociated) saves a request where all hostnames have an association already, and does not see that such a
        hostname is no longer proxied. All records are read, 5000 with each request, for more than five hostnames;
        for fewer, one or two requests for each.
    type: str
    choices: [all, unassociated, none]
    default: all
  fail_on:
    description: Fail if there is a finding of this severity or a higher one.
    type: str
    choices: [none, error, warning]
    default: none
seealso:
  - module: originlock.aop.certificate_info
  - module: originlock.aop.hostname_certificate
"""

EXAMPLES = r"""
- name: What stands in the way
  originlock.aop.aop_preflight:
    zone: example.com
    hostnames: [app.example.com, api.example.com]
    client_certificates: ["{{ lookup('ansible.builtin.file', '/etc/aop/app.example.com.crt') }}"]
    trust_bundles: ["{{ lookup('ansible.builtin.file', '/etc/aop/ca.crt') }}"]
    fail_on: error
  delegate_to: localhost
"""

RETURN = r"""
findings:
  description: The findings, errors first. Returned on a failure by O(fail_on), too.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: A fixed name of the kind of finding, see the guide to the Cloudflare modules.
      type: str
      sample: ssl_mode
    severity:
      description: V(error) (do not go on before it is mended), V(warning) or V(info).
      type: str
    hostname:
      description: The hostname concerned; null for the whole zone.
      type: str
    message:
      description: What was found.
      type: str
    remedy:
      description: What to do about it.
      type: str
counts:
  description: Number of findings by severity.
  returned: success
  type: dict
ok:
  description: Whether there is no finding of severity V(error).
  returned: success
  type: bool
zone:
  description: The zone; null if it could not be read.
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
certificates:
  description:
    - The certificates that were read, as M(originlock.aop.hostname_certificate_info) returns them; null if they could
      not be read.
    - Those that associations hold and the list does not show are among them, with the status C(deleted) if there is no
      such certificate any more.
  returned: success
  type: list
  elements: dict
associations:
  description: >-
    The associations that were read, as M(originlock.aop.hostname_association_info) returns them; null if they could not
    be read.
  returned: success
  type: list
  elements: dict
complete:
  description: >-
    Whether these are all of the zone. Without Cloudflare's list of associations only a sample of O(hostnames) is read.
  returned: success
  type: bool
api_calls:
  description: Number of requests that were sent.
  returned: success
  type: int
  sample: 3
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine import cloudflare, cloudflare_preflight


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=cloudflare.merge(cloudflare.CONNECTION, cloudflare_preflight.PREFLIGHT_SPEC),
        supports_check_mode=True,
    )
    cloudflare.run_with_client(module, cloudflare_preflight.preflight)


if __name__ == "__main__":
    main()
