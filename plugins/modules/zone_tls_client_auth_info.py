#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: zone_tls_client_auth_info
short_description: Read whether global Authenticated Origin Pulls are on for a zone at Cloudflare
version_added: "0.1.0"
description:
  - Reads the zone setting C(tls_client_auth). Changes nothing.
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
seealso:
  - module: originlock.aop.zone_tls_client_auth
"""

EXAMPLES = r"""
- name: Is the shared certificate presented
  originlock.aop.zone_tls_client_auth_info:
    zone: example.com
  delegate_to: localhost
  register: global_aop
"""

RETURN = r"""
value:
  description: The value V(on) or V(off).
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
        argument_spec=cloudflare.CONNECTION,
        supports_check_mode=True,
    )
    cloudflare.run_with_client(module, cloudflare_settings.read_tls_client_auth)


if __name__ == "__main__":
    main()
