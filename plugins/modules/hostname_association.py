#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hostname_association
short_description: Associate hostnames with client certificates at Cloudflare
version_added: "0.1.0"
description:
  - Tells Cloudflare's edge which client certificate to present to the origin for a hostname
    (per-hostname Authenticated Origin Pulls). Takes any number of hostnames and writes 500 in one request.
  - Only the hostnames named are touched, unless O(purge) is set.
  - What is omitted stays as it is. Without an existing association O(enabled) is then V(true), and a certificate id is
    needed.
  - Relax the origins before taking away or suppressing an association, else they refuse every request.
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
    description: Tells what would be written. Writes nothing.
  diff_mode:
    support: full
    description: Shows the hostnames that change.
options:
  hostnames:
    description: Hostnames that all get O(certificate_id) and O(enabled).
    type: list
    elements: str
  certificate_id:
    description: >-
      Id of the hostname certificate, for O(hostnames), and for entries of O(associations) without one of their own.
      In check mode null stands for the id of a certificate that is not uploaded yet.
    type: str
  enabled:
    description:
      - V(true) presents the certificate.
      - V(false) suppresses it. The association stays, and it also keeps a zone-level or Cloudflare's shared certificate
        from being presented for the hostname. To take the association away use O(state=absent).
    type: bool
  associations:
    description: Hostnames with settings of their own. Can be combined with O(hostnames).
    type: list
    elements: dict
    suboptions:
      hostname:
        description: The hostname.
        type: str
        required: true
      certificate_id:
        description: Id of the hostname certificate.
        type: str
      enabled:
        description: As the option of the same name.
        type: bool
  state:
    description:
      - V(present) makes the associations as described.
      - V(absent) voids them. The hostnames then fall back to the zone-level and to the global setting.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description:
      - Void all other associations of the zone. Needs Cloudflare's list of associations.
    type: bool
    default: false
seealso:
  - module: originlock.aop.hostname_association_info
  - module: originlock.aop.hostname_certificate
"""

EXAMPLES = r"""
- name: Present the client certificate for two hostnames
  originlock.aop.hostname_association:
    zone: example.com
    hostnames: [app.example.com, api.example.com]
    certificate_id: "{{ uploaded.certificates[0].id }}"
    enabled: true
  delegate_to: localhost

- name: Move one of them to the next certificate
  originlock.aop.hostname_association:
    zone: example.com
    associations:
      - hostname: api.example.com
        certificate_id: "{{ next.certificates[0].id }}"
  delegate_to: localhost

- name: Suppress the certificate for one, keep its association
  originlock.aop.hostname_association:
    zone: example.com
    hostnames: [app.example.com]
    enabled: false
  delegate_to: localhost

- name: Take both associations away
  originlock.aop.hostname_association:
    zone: example.com
    hostnames: [app.example.com, api.example.com]
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
associations:
  description:
    - The state afterwards, one entry for each hostname named, and for each that was purged.
    - On a failure that concerns some hostnames the entries of all are returned, too.
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
    changed:
      description: Whether this hostname changed.
      type: bool
    before:
      description: RV(associations[].certificate_id) and RV(associations[].enabled) before; null for none.
      type: dict
    error:
      description: Why this hostname could not be changed, with Cloudflare's codes and Ray ID; null if it could.
      type: dict
list_endpoint:
  description: Whether Cloudflare offered the list of associations. If not, each hostname was read by itself.
  returned: success
  type: bool
progress:
  description: What was seen while waiting, one line for each look.
  returned: success
  type: list
  elements: str
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
        argument_spec=cloudflare.merge(
            cloudflare.CONNECTION, cloudflare.WAITING, cloudflare_associations.ASSOCIATION_SPEC
        ),
        required_one_of=[("hostnames", "associations")],
        supports_check_mode=True,
    )
    cloudflare.run_with_client(module, cloudflare_associations.manage_associations)


if __name__ == "__main__":
    main()
