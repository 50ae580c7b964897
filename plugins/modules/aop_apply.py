#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aop_apply
short_description: Carry out at Cloudflare what aop_plan planned
version_added: "0.1.0"
description:
  - Uploads client certificates, waits until they are active, associates the hostnames with them, and waits for that.
  - Does nothing that is done already, so a run that was killed is continued by the next one.
  - Runs on the controller. Run it once every origin trusts the CA.
author:
  - originlock contributors (@originlock)
extends_documentation_fragment:
  - originlock.aop.cloudflare
  - originlock.aop.cloudflare.wait
attributes:
  check_mode:
    support: full
    description: Returns what would change, without changing it.
  diff_mode:
    support: full
    description: Shows certificates and associations of each zone.
options:
  plan:
    description: RV(originlock.aop.aop_plan#module:cloudflare) of M(originlock.aop.aop_plan).
    type: list
    elements: dict
    required: true
seealso:
  - module: originlock.aop.aop_plan
  - module: originlock.aop.hostname_certificate
  - module: originlock.aop.hostname_association
"""

EXAMPLES = r"""
- name: Bring Cloudflare to the plan
  originlock.aop.aop_apply:
    plan: "{{ planned.cloudflare }}"
  delegate_to: localhost
"""

RETURN = r"""
zones:
  description: What was done for each zone.
  returned: success
  type: list
  elements: dict
  contains:
    zone:
      description: The zone.
      type: str
    uploaded:
      description: SHA-256 of the certificates that were uploaded.
      type: list
      elements: str
    associated:
      description: The hostnames whose associations were written.
      type: list
      elements: str
    progress:
      description: What was seen while waiting, one line for each look.
      type: list
      elements: str
api_calls:
  description: Number of requests that were sent.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine import aop_apply, cloudflare


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=cloudflare.merge(cloudflare.API, aop_apply.APPLY_SPEC), supports_check_mode=True
    )
    cloudflare.run_with_client(module, aop_apply.apply)


if __name__ == "__main__":
    main()
