#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: origin_site_info
short_description: Tell where an origin serves hostnames, at which stage, and whom it trusts
version_added: "0.1.0"
description:
  - Reads what the server says is loaded, and which changes aren't over. Changes nothing.
  - A stage is what a site has loaded. A file that no site loads protects nothing; see RV(lost).
author:
  - originlock contributors (@originlock)
attributes:
  check_mode:
    support: full
    description: The module only reads.
  diff_mode:
    support: none
    description: Nothing changes.
options:
  server:
    description: The web server.
    type: str
    required: true
    choices: [apache, caddy, haproxy, nginx, traefik]
  hostnames:
    description: The hostnames to look for. With none, those that are protected are returned.
    type: list
    elements: str
    default: []
  manage_sites:
    description: As in M(originlock.aop.origin_site), for RV(findings).
    type: bool
    default: true
  plain_http:
    description: As in M(originlock.aop.origin_site), for RV(findings).
    type: str
    default: refuse
    choices: [redirect, refuse]
  log_path:
    description: As in M(originlock.aop.origin_site), for RV(findings).
    type: path
  paths:
    description:
      - Paths and names, from the role. The entry C(on) has what differs on a family of distributions (C(RedHat)), a
        distribution (C(ID) of its C(os-release)) or one major version of it (C(ubuntu-24)).
    type: dict
    default: {}
  log:
    description:
      - Options of M(originlock.aop.origin_evidence), but for C(server). With them the verification log is read, too, in
        the same call; see RV(evidence). An empty dictionary takes all the defaults.
    type: dict
seealso:
  - module: originlock.aop.origin_site
"""

EXAMPLES = r"""
- name: Which hostnames are protected here
  originlock.aop.origin_site_info:
    server: nginx
  register: protected
"""

RETURN = r"""
sites:
  description: Where the hostnames are served, one entry for each hostname and place.
  returned: success
  type: list
  elements: dict
  contains:
    hostname:
      description: The hostname.
      type: str
    file:
      description: The file of the server block or virtual host.
      type: str
    line:
      description: Its line.
      type: int
    listeners:
      description: The addresses it listens on.
      type: list
      elements: str
    stage_before:
      description: The stage.
      type: str
    stage_after:
      description: The same, for the likeness to M(originlock.aop.origin_site).
      type: str
    trusts_before:
      description: The same as RV(sites[].trusts), for the likeness to M(originlock.aop.origin_site).
      type: list
      elements: str
    trusts:
      description:
        - The CAs whose client certificates are accepted for the hostname there.
        - SHA-256 of each CA's certificate, in lower-case hex.
      type: list
      elements: str
findings:
  description:
    - What V(enforce) will refuse for the hostnames that are at V(log_only), as M(originlock.aop.origin_site) would with
      the same options. Each is of severity C(warning) here.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: A stable name of the finding. C(docs/findings.md) of the collection says what each means.
      type: str
    severity:
      description: C(warning).
      type: str
    hostname:
      description: The hostname that it's about.
      type: str
    file:
      description: The file, if there is one.
      type: str
    line:
      description: The line, or 0.
      type: int
    message:
      description: What was found.
      type: str
    remedy:
      description: What to do.
      type: str
evidence:
  description: What M(originlock.aop.origin_evidence) returns.
  returned: O(log) is given
  type: dict
lost:
  description:
    - Hostnames that were protected here and are open now. Files of ours name them, but no site that serves them has
      loaded one. Somebody wrote a site file anew, say.
  returned: success
  type: list
  elements: dict
  contains:
    hostname:
      description: The hostname.
      type: str
    stage:
      description: The stage that it had.
      type: str
    files:
      description: The files that say so.
      type: list
      elements: str
pending:
  description: Changes of M(originlock.aop.origin_site) that aren't over, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    transaction:
      description: The change.
      type: str
    state:
      description:
        - C(live), it waits for its confirmation. C(open), its run is at work or died half way.
        - C(reverting), its old files are back, but the server doesn't run on them yet.
      type: str
    timer:
      description: Whether a timer will take it back at C(until).
      type: bool
    until:
      description: When its timer was set to take it back, in epoch seconds by the origin's clock; 0 without one.
      type: float
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.plugins.module_utils._engine.origin import SITE_INFO_SPEC, read


def main() -> None:
    module = AnsibleModule(argument_spec=SITE_INFO_SPEC, supports_check_mode=True)
    run(module, read)


if __name__ == "__main__":
    main()
