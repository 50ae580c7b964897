#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aop_plan
short_description: Read all zones at Cloudflare, plan their client certificates, and make what is missing
version_added: "0.1.0"
description:
  - Reads what Cloudflare holds for all zones and what is in the PKI directory, and returns findings, one entry for each
    hostname, and what is left to do at Cloudflare.
  - With O(state=present) the client CA of each zone and the client certificates that are missing or due are made on the
    controller. All zones are planned first. A plan that can't be carried out leaves nothing behind.
  - Nothing is changed at Cloudflare. M(originlock.aop.aop_apply) does that, once every origin trusts the CA.
  - Runs on the controller.
author:
  - originlock contributors (@originlock)
extends_documentation_fragment:
  - originlock.aop.cloudflare
attributes:
  check_mode:
    support: full
    description: What is missing is made in a temporary directory that is removed, so that all else can be checked.
  diff_mode:
    support: none
    description: What was made is in RV(made).
options:
  zones:
    description:
      - >-
        The variable C(aop_zones), a list of C({name: example.com, hostnames: [app.example.com]}). A zone may bring its
        own CA as C(ca_path) and C(ca_privatekey_path).
      - It is checked first. What is wrong is told by its place, such as C(aop_zones[0].hostnames).
    type: raw
    required: true
  state:
    description:
      - V(read) makes nothing and needs no PKI directory.
      - V(trusted) makes nothing, and fails where the certificate of a CA isn't on disk.
      - V(present) makes what is missing.
    type: str
    choices: [read, trusted, present]
    default: read
  ask_cloudflare:
    description: Whether Cloudflare is asked. Without it no token is needed, and RV(cloudflare) is empty.
    type: bool
    default: true
  edge_ranges:
    description: Whether the address ranges of the edge are read, which takes one request.
    type: bool
    default: true
  dns_check:
    description:
      - The hostnames whose DNS records are looked at.
      - V(unassociated) saves three requests where all hostnames have an association already. Then it isn't seen that
        such a hostname is no longer proxied, or that Cloudflare may change the SSL mode by itself.
    type: str
    choices: [all, unassociated, none]
    default: unassociated
  fail_on:
    description: >-
      Fail if there is a finding of this severity or a higher one. Where certificates or associations can't be read the
      module always fails.
    type: str
    choices: [none, error, warning]
    default: error
  min_days:
    description: Warn about certificates of associations that expire within so many days.
    type: int
    default: 14
  pki_dir:
    description: Directory for keys and certificates. It has one directory for each zone.
    type: path
    required: true
  passphrase:
    description: Passphrase of the keys of the CAs. O(state=present) needs it.
    type: str
  key_type:
    description: Kind of new keys.
    type: str
    choices: [RSA, ECDSA]
    default: RSA
  key_size:
    description: Bits of new RSA keys.
    type: int
    default: 4096
  curve:
    description: Curve of new ECDSA keys.
    type: str
    choices: [P-256, P-384]
    default: P-256
  ca_valid_days:
    description: Life of a new CA in days.
    type: int
    default: 1826
  valid_days:
    description: Life of a new client certificate in days.
    type: int
    default: 730
  renew_before:
    description: Days before its end from which on a client certificate is renewed.
    type: float
    default: 30
  take_over:
    description: Take over hostnames that a certificate of another CA serves today.
    type: bool
    default: false
  certificates_per_zone:
    description: How many client certificates a zone can hold. Raise it only if Cloudflare raised it for you.
    type: int
    default: 10
  hostnames_per_certificate:
    description: How many hostnames a client certificate can serve. Raise it only if Cloudflare raised it for you.
    type: int
    default: 100
seealso:
  - module: originlock.aop.aop_apply
  - module: originlock.aop.aop_preflight
"""

EXAMPLES = r"""
- name: Plan, and make what is missing
  originlock.aop.aop_plan:
    zones: "{{ aop_zones }}"
    state: present
    pki_dir: /etc/aop
    passphrase: "{{ aop_ca_passphrase }}"
  delegate_to: localhost
  register: planned
"""

RETURN = r"""
findings:
  description: What was found at Cloudflare, as M(originlock.aop.aop_preflight) returns it, for all zones.
  returned: success
  type: list
  elements: dict
advice:
  description: Lines that a person should know. Warnings of the plan, and findings that are more than V(info).
  returned: success
  type: list
  elements: str
made:
  description: What was made on the controller, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    what:
      description: The CA, or the client certificate.
      type: str
    reasons:
      description: Why.
      type: list
      elements: str
certificates:
  description: The client certificates of the plan.
  returned: success
  type: list
  elements: dict
  contains:
    zone:
      description: The zone.
      type: str
    leaf:
      description: Its name, which is that of a hostname.
      type: str
    hostnames:
      description: The hostnames that it serves.
      type: list
      elements: str
    sha256:
      description: SHA-256 of the certificate.
      type: str
    path:
      description: Its file. Empty where Cloudflare holds it and none is needed.
      type: str
protections:
  description: One entry for each hostname. This is what origins need to know.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The hostname.
      type: str
    zone:
      description: Its zone.
      type: str
    zone_id:
      description: Id of the zone.
      type: str
    trust_bundle:
      description: PEM of the CA that origins shall trust; empty where it isn't on disk.
      type: str
    certificate:
      description: PEM of the client certificates that the edge presents or will present, the coming one first.
      type: str
    leaf:
      description: Name of the client certificate that the edge presents.
      type: str
    certificate_id:
      description: Its id at Cloudflare.
      type: str
    certificate_status:
      description: Its status at Cloudflare.
      type: str
    sha256:
      description: Its SHA-256.
      type: str
    serial_number:
      description: Its serial number, decimal.
      type: str
    expires_on:
      description: Its end, RFC 3339.
      type: str
    association_enabled:
      description: Whether the edge presents it; null without an association.
      type: bool
    association_status:
      description: Status of the association.
      type: str
generations:
  description: >-
    All client certificates that Cloudflare holds, for the option O(originlock.aop.origin_evidence#module:certificates).
  returned: success
  type: list
  elements: dict
edge_ranges:
  description: The address ranges of the edge; empty if they weren't or couldn't be read.
  returned: success
  type: list
  elements: str
cloudflare:
  description: What is left to do at Cloudflare, for the option O(originlock.aop.aop_apply#module:plan).
  returned: success
  type: list
  elements: dict
api_calls:
  description: Number of requests that were sent.
  returned: O(ask_cloudflare=true)
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine import aop_plan, cloudflare, errors, pki


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=cloudflare.merge(cloudflare.API, aop_plan.PLAN_SPEC), supports_check_mode=True)
    pki.require_library(module)
    if module.params["ask_cloudflare"]:
        cloudflare.run_with_client(module, aop_plan.plan)
    else:
        errors.run(module, lambda module: aop_plan.plan(module, None))


if __name__ == "__main__":
    main()
