#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: zone_tls_client_auth
short_description: Global Authenticated Origin Pulls of a zone at Cloudflare
version_added: "0.1.0"
description:
  - Sets the zone setting C(tls_client_auth). With V(on) the edge presents Cloudflare's shared client certificate for
    hostnames that have none of their own. It proves that a request comes from some Cloudflare account, not from yours.
  - Client certificates of hostnames do not need it.
  - Runs on the controller.
author:
  - originlock contributors (@originlock)
extends_documentation_fragment:
  - originlock.aop.cloudflare
  - originlock.aop.cloudflare.zone
attributes:
  check_mode:
    support: full
    description: Tells whether the setting would change. Writes nothing.
  diff_mode:
    support: full
    description: Shows the value before and after.
options:
  value:
    description: The wanted value. Relax the origins before switching it off.
    type: str
    choices: ["on", "off"]
    required: true
seealso:
  - module: originlock.aop.zone_tls_client_auth_info
  - module: originlock.aop.hostname_association
"""

EXAMPLES = r"""
- name: Stop presenting Cloudflare's shared certificate
  originlock.aop.zone_tls_client_auth:
    zone: example.com
    value: "off"
  delegate_to: localhost
"""

RETURN = r"""
value:
  description: The value afterwards, V(on) or V(off).
  returned: success
  type: str
setting:
  description: The setting as Cloudflare shows it.
  returned: success
  type: dict
  contains:
    id:
      description: Its name.
      type: str
    value:
      description: Its value.
      type: str
    editable:
      description: Whether it can be changed.
      type: bool
    modified_on:
      description: Time of the last change; null if there was none.
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

from ansible_collections.originlock.aop.plugins.module_utils._engine import cloudflare, cloudflare_settings


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=cloudflare.merge(cloudflare.CONNECTION, cloudflare_settings.SETTING_SPEC),
        supports_check_mode=True,
    )
    cloudflare.run_with_client(module, cloudflare_settings.manage_tls_client_auth)


if __name__ == "__main__":
    main()
