#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: origin_site
short_description: Bring the sites of an origin to a stage of client certificate verification
version_added: "0.1.0"
description:
  - Finds the server blocks, virtual hosts, frontends or routers that serve the given hostnames, in what the server says
    is loaded, and brings them to C(off), C(log_only) or C(enforce).
  - The site files stay the user's. They get marked include lines, and lose them with C(off). On NGINX that's one
    line in each server block, on Apache one with a comment above it for each hostname in each virtual host, on HAProxy
    a few words on bind lines and a block of rules in each frontend, on Traefik two lines in each router.
  - The whole configuration is checked by the server before a live file is touched. Then the files are exchanged,
    checked again, and the server is reloaded. If anything fails, the old files are back and the server runs on them.
  - Trust bundles and certificates are verified on the controller before the origin is touched.
  - What can't be done safely is refused with file, line and remedy. See RV(findings).
  - While a change waits for its confirmation, a run that would make a hostname stricter is refused. One that doesn't
    takes that change back first, so the way back is always open.
author:
  - originlock contributors (@originlock)
attributes:
  check_mode:
    support: full
    description: The server checks the configuration as it would be, from copies. No live file is touched.
  diff_mode:
    support: full
    description:
      - Shows every file that changes, site files as a whole. They may hold secrets, say in C(proxy_set_header).
      - Without C(--diff) the result holds no text of a file.
options:
  server:
    description: The web server.
    type: str
    required: true
    choices: [apache, caddy, haproxy, nginx, traefik]
  hostnames:
    description: What is wanted. Hostnames that aren't listed are left as they are.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The hostname.
        type: str
        required: true
      stage:
        description: The stage that the hostname shall have.
        type: str
        required: true
        choices: ["off", log_only, enforce]
      trust_bundle:
        description:
          - PEM of the client CAs that the origin trusts.
          - Needed for V(enforce), and for a hostname that isn't protected yet.
          - Without it and without O(hostnames[].certificate), a hostname that is protected on the origin is brought to
            V(log_only) with the CAs that it trusts already. Sites of it that ask nobody for a certificate stay so.
          - A CA that the origin trusts now is never replaced by one that O(hostnames[].certificate) doesn't come from.
            That's an error at every stage.
        type: str
        default: ""
      certificate:
        description:
          - PEM of the client certificates that the edge presents now or may present soon.
          - Needed for V(enforce), and for V(log_only) on Apache, which refuses bad certificates at that stage already.
          - Needed at every stage where O(hostnames[].trust_bundle) takes a CA away that the origin trusts now.
        type: str
        default: ""
  _handed:
    description: What the controller has verified. The action plugin of the same name sets it; leave it out.
    type: dict
    default: {}
  state:
    description:
      - V(present) brings the hostnames to their stages.
      - V(confirmed) keeps a change that was made with O(confirm_within). It's an error if the change isn't there any
        more, because its timer or another run has taken it back, or if there never was such a change.
      - V(reverted) takes it back at once. It's no error if there's nothing to take back any more; see RV(outcome).
        Without O(transaction), whatever isn't over of the server's changes is taken back.
      - Both know server and O(paths) from the change itself, so O(paths) isn't used by them.
    type: str
    default: present
    choices: [present, confirmed, reverted]
  transaction:
    description:
      - The change to confirm or to revert, as returned in RV(transaction). M(originlock.aop.origin_site_info) tells
        which ones aren't over.
      - Needed for O(state=confirmed).
    type: str
    default: ""
  change:
    description:
      - With O(state=reverted), what this module returned for the change, also where it failed. It goes in place of
        O(transaction).
      - The origin isn't asked where nothing was changed, and takes back whatever waits where the module died.
    type: dict
  never_relax:
    description:
      - Leave a site at V(enforce) when V(log_only) is asked for. Each place that serves a hostname is judged by itself,
        by what is loaded for it. So a listener that was added since gets V(log_only).
      - Then O(hostnames[].certificate) is judged as for V(enforce). If the origin would refuse one of them with the new
        O(hostnames[].trust_bundle), that's an error and nothing is changed.
    type: bool
    default: false
  relax_only:
    description:
      - Make no site stricter. One that is at a lower stage than what is asked for stays where it is.
      - Goes before O(never_relax).
    type: bool
    default: false
  manage_sites:
    description: Edit site files. With V(false), a missing include line is refused with the line and its place.
    type: bool
    default: true
  plain_http:
    description:
      - What to do at V(enforce) with a hostname whose content is served without TLS, too.
      - V(refuse) stops with the file and line. V(redirect) lets the server redirect such requests to HTTPS.
    type: str
    default: refuse
    choices: [redirect, refuse]
  log_path:
    description: The verification log. By default C(aop.log) in the server's log directory.
    type: path
  paths:
    description:
      - Paths and names, from the role. The entry C(on) has what differs on a family of distributions (C(RedHat)), a
        distribution (C(ID) of its C(os-release)) or one major version of it (C(ubuntu-24)).
    type: dict
    default: {}
  confirm_within:
    description:
      - Seconds after which a timer on the origin takes the change back unless it was confirmed. Needs systemd. They
        begin before the first file is changed.
      - If the server refuses the old files then, the timer tries again for an hour.
      - With V(0) the change stays.
    type: int
    default: 0
notes:
  - Runs on the origin with the standard library of Python 3.9 or newer.
  - The controller needs C(cryptography) to verify trust bundles.
"""

EXAMPLES = r"""
- name: Ask for certificates, serve everybody, log the result
  originlock.aop.origin_site:
    server: nginx
    hostnames:
      - name: app.example.com
        stage: log_only
        trust_bundle: "{{ lookup('ansible.builtin.file', 'pki/example.com/ca.crt') }}"

- name: Enforce, and go back unless confirmed within two minutes
  originlock.aop.origin_site:
    server: apache
    hostnames:
      - name: app.example.com
        stage: enforce
        trust_bundle: "{{ lookup('ansible.builtin.file', 'pki/example.com/ca.crt') }}"
        certificate: "{{ lookup('ansible.builtin.file', 'pki/example.com/app.example.com.crt') }}"
    confirm_within: 120
  register: enforced

- name: Keep it
  originlock.aop.origin_site:
    server: apache
    state: confirmed
    transaction: "{{ enforced.transaction }}"
"""

RETURN = r"""
sites:
  description: Where the hostnames are served, one entry for each hostname and place.
  returned: success and O(state=present)
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
      description: The stage as found.
      type: str
    stage_after:
      description: The stage as left.
      type: str
    trusts_before:
      description: The CAs that were trusted for the hostname there, like RV(sites[].trusts).
      type: list
      elements: str
    trusts:
      description: The CAs that are trusted for the hostname there now. SHA-256 of each certificate, in lower-case hex.
      type: list
      elements: str
listeners:
  description:
    - All sockets on which the server serves HTTP to others, as V(*:8443 ssl) or V([::]:80 plain).
    - The option O(originlock.aop.origin_probe#module:origins[].other_listeners).
  returned: success and O(state=present)
  type: list
  elements: str
findings:
  description:
    - What a person should know; those of severity C(error) make the module refuse.
    - At V(log_only), what V(enforce) will refuse is told as a warning.
  returned: unless the checks on the controller fail
  type: list
  elements: dict
  contains:
    code:
      description:
        - A stable name of the finding. C(docs/findings.md) of the collection says what each means.
      type: str
    severity:
      description: C(error), C(warning) or C(info).
      type: str
    hostname:
      description: The hostname that it's about; empty where it's about the server.
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
reload:
  description: How the server was told, C(none), C(reload) or C(replace) (new processes beside the old, or a restart).
  returned: success and O(state=present)
  type: str
outcome:
  description:
    - What became of the change. C(confirmed), or with O(state=reverted) one of the following.
    - C(reverted), it was taken back now. C(already_reverted), its timer or another run had done that before.
    - C(confirmed), it had been confirmed and stays. C(nothing), there's no such change on this origin.
    - With O(change) also C(kept), it was made without a timer and stays. C(relaxed), it stays, and RV(relax) names what
      has to be relaxed instead. C(died), the module died, and nothing of it waits. C(failed), the origin didn't take it
      back.
    - How a change ended is known for an hour, and that it was confirmed until the next run for this server.
  returned: success and O(state=confirmed) or O(state=reverted)
  type: str
relax:
  description: Hostnames that the change enforced anew, and that can't be taken back any more.
  returned: O(change) is given
  type: list
  elements: str
message:
  description: How it ended, as the end of a sentence that begins with the origin's name.
  returned: O(change) is given
  type: str
left:
  description: Files that weren't put back, because somebody else had changed them since. Each is a warning, too.
  returned: success and O(state=present) or O(state=reverted)
  type: list
  elements: dict
  contains:
    path:
      description: The file. Include lines of ours were taken out of it.
      type: str
    backup:
      description: Where its content of before is; empty if it wasn't there.
      type: str
recovered:
  description:
    - Changes that were taken back first. Those of runs that had died, those that nobody can confirm any more, and with
      a run that makes no hostname stricter those that waited for their confirmation.
    - With O(state=reverted), the changes that were taken back.
  returned: success and O(state=present) or O(state=reverted)
  type: list
  elements: str
now:
  description: The origin's clock at the end, in epoch seconds.
  returned: success and O(state=present)
  type: float
transaction:
  description: The change that waits for its confirmation, or empty.
  returned: success and O(state=present), and when a change that waits is in the way
  type: str
validator_output:
  description: The server's own words.
  returned: when the server refuses a configuration
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.plugins.module_utils._engine.origin import SITE_SPEC, work


def main() -> None:
    module = AnsibleModule(
        argument_spec=SITE_SPEC,
        required_if=[("state", "confirmed", ["transaction"])],
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
