#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hostname_association_info
short_description: Read which client certificates hostnames have at Cloudflare
version_added: "0.1.0"
description:
  - Reads associations of hostnames with client certificates, with one request for up to 1,000 of them. Where Cloudflare
    does not offer the list, each hostname is read by itself, several at a time.
  - Changes nothing.
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
    description: Return these only. Without it all of the zone are returned, which needs Cloudflare's list.
    type: list
    elements: str
seealso:
  - module: originlock.aop.hostname_association
"""

EXAMPLES = r"""
- name: All associations of the zone
  originlock.aop.hostname_association_info:
    zone: example.com
  delegate_to: localhost

- name: Those of two hostnames
  originlock.aop.hostname_association_info:
    zone: example.com
    hostnames: [app.example.com, api.example.com]
  delegate_to: localhost
"""

RETURN = r"""
associations:
  description: The associations that exist. Void ones are left out, suppressed ones are not.
  returned: success
  type: list
  elements: dict
  contains:
    hostname:
      description: The hostname, lower case, in ASCII.
      type: str
    certificate_id:
      description: Id of the certificate; null without an association.
      type: str
    enabled:
      description: Whether the certificate is presented. V(false) is the suppressed state; null without an association.
      type: bool
    status:
      description: Status of the association, V(active) once it is in effect.
      type: str
    certificate_status:
      description: Status of the certificate, as far as Cloudflare tells.
      type: str
    expires_on:
      description: End of the certificate's validity, as far as Cloudflare tells.
      type: str
not_associated:
  description: Those of O(hostnames) that have no association.
  returned: success
  type: list
  elements: str
list_endpoint:
  description: Whether Cloudflare offered the list of associations.
  returned: success
  type: bool
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

from ansible_collections.originlock.aop.plugins.module_utils._engine import cloudflare, cloudflare_associations


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=cloudflare.merge(cloudflare.CONNECTION, cloudflare_associations.INFO_SPEC),
        supports_check_mode=True,
    )
    cloudflare.run_with_client(module, cloudflare_associations.read_associations)


if __name__ == "__main__":
    main()
