#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_canary
short_description: Send requests with a nonce through the edge
version_added: "0.1.0"
description:
  - Sends C(GET https://HOSTNAME/.well-known/originlock-canary/NONCE), each on a connection of its own.
  - M(originlock.aop.origin_evidence) finds the nonces in the origins' logs, so that hostnames without traffic get
    evidence, too.
  - What the site answers does not matter. Redirects are not followed. A request that fails does not fail the task.
author:
  - originlock contributors (@originlock)
attributes:
  check_mode:
    support: full
    description: Nothing is sent.
  diff_mode:
    support: none
    description: Nothing changes.
options:
  requests:
    description: What to send.
    type: list
    elements: dict
    required: true
    suboptions:
      hostname:
        description: The hostname. No wildcard; others than ASCII letters as C(xn--).
        type: str
        required: true
      nonces:
        description: Nonces of 32 hexadecimal digits. By default new ones are made.
        type: list
        elements: str
        default: []
      count:
        description:
          - How many requests with new nonces, or V(0) for none. Several origins behind one hostname need several.
          - A task sends 100,000 at most.
        type: int
        default: 1
      connect_to:
        description: Overrides O(connect_to).
        type: str
  connect_to:
    description: Address (C(host:port)) to connect to instead of what DNS says, for example of a sandbox.
    type: str
  ca_path:
    description: CA certificates that the edge's certificate is checked against. By default those of the system.
    type: path
  validate_certs:
    description: Check the edge's certificate.
    type: bool
    default: true
  timeout:
    description: Seconds to wait for a connection, and for an answer. More than 0, at most 3600.
    type: float
    default: 15.0
  concurrency:
    description: Requests at a time, 64 at most.
    type: int
    default: 8
notes:
  - Runs on the controller.
"""

EXAMPLES = r"""
- name: Send three canaries
  originlock.aop.edge_canary:
    requests:
      - hostname: app.example.com
        count: 3
  register: canary
  delegate_to: localhost
"""

RETURN = r"""
sent:
  description: Whether anything was sent.
  returned: success
  type: bool
nonces:
  description: All nonces.
  returned: success
  type: list
  elements: str
requests:
  description: One entry for each request.
  returned: success
  type: list
  elements: dict
  contains:
    hostname:
      description: The hostname.
      type: str
    nonce:
      description: The nonce.
      type: str
    status:
      description: HTTP status, 0 without an answer.
      type: int
    ray:
      description: Cloudflare's Ray ID.
      type: str
    error:
      description: What went wrong, or empty.
      type: str
failed_requests:
  description: How many had an error.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.plugins.module_utils._engine.evidence import CANARY_SPEC, send_canaries


def main() -> None:
    run(AnsibleModule(argument_spec=CANARY_SPEC, supports_check_mode=True), send_canaries)


if __name__ == "__main__":
    main()
