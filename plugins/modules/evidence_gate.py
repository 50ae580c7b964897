#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence_gate
short_description: Decide from evidence whether hostnames may be enforced
version_added: "0.1.0"
description:
  - Judges each hostname on each origin by what the origins' logs, the canaries and Cloudflare say.
  - Every refusal has a code, the numbers and the remedy.
  - Fails, whatever O(fail) says, if there is nothing to judge; no hostname, or one without O(hostnames[].origins) while
    O(evidence) is empty.
  - Direct callers refuse, too, until they are accepted as exceptions; RV(proposed_exceptions) has them as data.
author:
  - originlock contributors (@originlock)
attributes:
  check_mode:
    support: full
    description: The module only judges.
  diff_mode:
    support: none
    description: Nothing changes.
options:
  evidence:
    description: Results of M(originlock.aop.origin_evidence) by the name of the origin.
    type: dict
    required: true
  hostnames:
    description: What is to be enforced. At least one.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The hostname.
        type: str
        required: true
      origins:
        description: The origins where. By default all of O(evidence).
        type: list
        elements: str
        default: []
      certificate:
        description: The hostname's certificate at Cloudflare. Without it, it's not judged.
        type: dict
        suboptions:
          status:
            description: Its status. Only V(active) will do.
            type: str
            required: true
          days_left:
            description: Days until it expires.
            type: float
      association:
        description: The hostname's association at Cloudflare. Without it, it's not judged.
        type: dict
        suboptions:
          enabled:
            description: Whether it's enabled.
            type: bool
            required: true
          status:
            description: Its status. Only V(active) will do.
            type: str
            default: ""
  canaries:
    description: RV(originlock.aop.edge_canary#module:requests) of M(originlock.aop.edge_canary).
    type: list
    elements: dict
    default: []
  exceptions:
    description: The declared exceptions, as given to M(originlock.aop.origin_evidence). An expired one refuses.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: Address or address range.
        type: str
        required: true
      hostname:
        description: Hostname, or V(*) for all.
        type: str
        required: true
      path:
        description: Path without query. A V(*) at the end stands for everything below.
        type: str
        default: "*"
      expires:
        description: Last day, as V(2027-01-31).
        type: str
        required: true
      reason:
        description: Why, for people.
        type: str
        default: ""
  min_requests:
    description: So many requests of visitors must have come through the edge. Canaries don't count.
    type: int
    default: 1
  without_visitors:
    description:
      - Hostnames that nobody visits, such as those of staging; V(*) for all. For them canaries count for
        O(min_requests), too.
    type: list
    elements: str
    default: []
  min_days:
    description: The certificate must live longer than this.
    type: float
    default: 14.0
  max_unreadable:
    description: So many lines of a log may be unreadable.
    type: int
    default: 0
  require_canary:
    description: A canary must have arrived on each origin.
    type: bool
    default: true
  direct_callers:
    description: Whether callers past the edge without an exception refuse, or are only reported.
    type: str
    default: refuse
    choices: [refuse, report]
  override_reason:
    description: Allow in spite of all refusals, for this reason. It is warned about, logged and returned.
    type: str
    default: ""
  fail:
    description: Fail if anything is refused.
    type: bool
    default: true
notes:
  - Runs on the controller.
"""

EXAMPLES = r"""
- name: May they be enforced
  originlock.aop.evidence_gate:
    evidence: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'evidence'))) }}"
    hostnames:
      - name: app.example.com
        certificate: {status: active, days_left: 700}
        association: {enabled: true, status: active}
    canaries: "{{ canary.requests }}"
    exceptions: "{{ aop_exceptions | default([]) }}"
    min_requests: 100
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
allowed:
  description: Nothing is refused, or all of it is overridden.
  returned: always
  type: bool
verdicts:
  description: One entry for each hostname and origin.
  returned: always
  type: list
  elements: dict
  contains:
    hostname:
      description: The hostname.
      type: str
    origin:
      description: The origin.
      type: str
    allowed:
      description: Whether it may be enforced there.
      type: bool
    overridden:
      description: Whether only because of O(override_reason).
      type: bool
    edge_requests:
      description: Requests from the edge, of visitors and canaries together.
      type: int
    visitors:
      description: How many of them are of visitors.
      type: int
    canaries:
      description: How many of them this collection sent itself.
      type: int
    trusted:
      description: How many of them were a trusted success of a current generation, for the name in the SNI.
      type: int
    direct:
      description: Requests past the edge that no exception covers.
      type: int
    refusals:
      description: Rules that aren't met, each with C(code), C(message), C(remedy), C(numbers).
      type: list
      elements: dict
    message:
      description: All of it in one line.
      type: str
proposed_exceptions:
  description:
    - Exceptions for the direct callers, ready for C(aop_exceptions). Look at each before you accept it.
    - A caller whose address the server doesn't know (C(unix:)) can't be accepted.
  returned: always
  type: list
  elements: dict
table:
  description: The verdicts as aligned lines.
  returned: always
  type: list
  elements: str
overridden:
  description: How many verdicts were overridden.
  returned: always
  type: int
override_reason:
  description: The reason, if anything was overridden.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.plugins.module_utils._engine.evidence import GATE_SPEC, judge


def main() -> None:
    run(AnsibleModule(argument_spec=GATE_SPEC, supports_check_mode=True), judge)


if __name__ == "__main__":
    main()
