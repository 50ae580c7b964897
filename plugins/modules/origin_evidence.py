#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: origin_evidence
short_description: Count what an origin's verification log says about real requests
version_added: "0.1.0"
description:
  - Reads the verification log that the server roles write, with its rotated and packed predecessors. Those have its
    name with a number or a date behind it (C(aop.log.1), C(aop.log-20261124-1764000000), C(aop.log-2026-11-24)) or
    before its extension (C(aop.1.log)), plain or packed with gzip. RV(not_read) has those that are packed otherwise.
    They are looked for in the log's directory only.
  - Counts requests by hostname, source (the edge, declared exceptions, everyone else), verification and certificate.
  - V(SUCCESS) is counted as such only where the server's word can be trusted.
  - With a position from an earlier run only the new bytes are read.
author:
  - originlock contributors (@originlock)
attributes:
  check_mode:
    support: full
    description: Reads all the same, but does not write O(cursor_file).
  diff_mode:
    support: none
    description: Nothing changes.
options:
  server:
    description: The web server, for the default of O(path).
    type: str
    choices: [apache, caddy, haproxy, nginx, traefik]
  path:
    description: The verification log. By default C(aop.log) in the server's log directory.
    type: path
  hostnames:
    description: Count these only. By default all hostnames of the log.
    type: list
    elements: str
    default: []
  since:
    description:
      - Begin of the window, as V(2026-11-24T06:00:00Z), as epoch seconds, or as a duration before now (V(30m), V(2h),
        V(1d)).
      - Trusted successes from the edge that were logged out of order may be counted though they are older. At its
        begin, a line that can't be read is as old as the line after it.
    type: str
    default: ""
  cursor:
    description: RV(cursor) of an earlier run; what came after it is read. Wins over O(cursor_file).
    type: dict
  cursor_file:
    description: A file on the origin that keeps the position from run to run. Its directory must exist.
    type: path
  edge_ranges:
    description: Address ranges of the edge. By default the ones that Cloudflare publishes, as known by this release.
    type: list
    elements: str
    default: []
  exceptions:
    description: Direct callers that are known and accepted for a time. Expired ones cover nothing.
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
  certificates:
    description:
      - Client certificates that the caller knows, as C(certificate_info) tells them.
      - A fingerprint is compared where the server logs one, else serial and issuer.
    type: list
    elements: dict
    default: []
    suboptions:
      label:
        description: Name of the generation in the result, unique. By default the begin of the fingerprint.
        type: str
      sha256:
        description: SHA-256 fingerprint.
        type: str
      sha1:
        description: SHA-1 fingerprint, which is what NGINX logs.
        type: str
      serial:
        description: Serial number in hexadecimal.
        type: str
      issuer:
        description:
          - Distinguished name of the issuer, as OpenSSL (RFC 2253) or C(certificate_info) (RFC 4514) write it. If left
            out, the serial decides.
        type: str
      current:
        description: Whether the edge should present it now.
        type: bool
        default: true
      hostnames:
        description: Hostnames that it is current for, by default all. For none if not O(certificates[].current).
        type: list
        elements: str
        default: []
  nonces:
    description: Nonces of canaries to look for.
    type: list
    elements: str
    default: []
  offenders:
    description: How many offenders to return at most. M(originlock.aop.evidence_gate) names only those.
    type: int
    default: 50
  workers:
    description: Processes that share large logs. With V(0) two, or one on a machine with one processor.
    type: int
    default: 0
notes:
  - Runs on the origin with the standard library of Python 3.9 or newer.
"""

EXAMPLES = r"""
- name: What came in the last two hours
  originlock.aop.origin_evidence:
    server: nginx
    since: 2h
    hostnames: [app.example.com]
    certificates:
      - label: "2026"
        sha1: "{{ leaf.fingerprint_sha1 }}"
        sha256: "{{ leaf.fingerprint_sha256 }}"
        serial: "{{ leaf.serial }}"
        issuer: "{{ leaf.issuer }}"
    nonces: "{{ canary.nonces }}"
  register: evidence

- name: What came since
  originlock.aop.origin_evidence:
    server: nginx
    cursor: "{{ evidence.cursor }}"
"""

RETURN = r"""
path:
  description: The log that was read.
  returned: success
  type: str
found:
  description: Whether that file exists.
  returned: success
  type: bool
files:
  description: All files that were read, oldest first.
  returned: success
  type: list
  elements: str
not_read:
  description:
    - Files with the log's name and a number or a date, as above, that are packed in a way that the module can't read,
      and that were written since O(since) (or O(cursor)). Each may hide a failure, so
      M(originlock.aop.evidence_gate) refuses. Files beside a plain one with the same number, as an editor's backup,
      don't count.
  returned: success
  type: list
  elements: str
bytes_read:
  description: How much was read, unpacked.
  returned: success
  type: int
since:
  description: Begin of the window, or empty.
  returned: success
  type: str
lines:
  description: Lines that were read.
  returned: success
  type: int
unreadable:
  description: Lines without a meaning that can be trusted, as far as they are in the window.
  returned: success
  type: int
outside_window:
  description: Lines that were read but are older than O(since).
  returned: success
  type: int
first:
  description: Time of the first request counted, in epoch seconds.
  returned: success
  type: float
last:
  description: Time of the last one.
  returned: success
  type: float
counts:
  description:
    - The sums. Times of requests from the edge for which the server says V(SUCCESS) are those of the block of lines
      that they were in.
  returned: success
  type: list
  elements: dict
  contains:
    hostname:
      description:
        - The hostname. V((others\)) has what came after 20,000 different entries; O(hostnames) keeps them few.
      type: str
    source:
      description:
        - C(edge), C(exception), C(turned_away) (came past the edge to an enforced hostname and got a 3xx or 4xx answer)
          or C(other).
      type: str
    verification:
      description:
        - C(SUCCESS), C(SUCCESS_UNTRUSTED), C(NONE), C(NONE_RESUMED), C(FAILED), C(GENEROUS) or C(UNKNOWN).
        - C(MISDIRECTED) for requests from the edge that were answered 421, or whose SNI is not the hostname on NGINX.
      type: str
    certificate:
      description: Label of the generation, or C(none), C(shared) (Cloudflare's own), C(other).
      type: str
    current:
      description: Whether that generation is a current one for that hostname.
      type: bool
    count:
      description: How many requests.
      type: int
    canaries:
      description:
        - How many of them this collection sent itself, in this run or an earlier one. Those have a canary's path or a
          user agent that begins with C(originlock-). The others are of visitors, whoever that is.
      type: int
    refused:
      description:
        - How many of them enforcement answered with a 4xx, as far as the server logs that.
        - With a verified certificate that is a 403 of NGINX for one that is not current for the hostname, nor of the
          issuer of one that is.
      type: int
    first:
      description: Time of the first, in epoch seconds.
      type: float
    last:
      description: Time of the last.
      type: float
reasons:
  description: Why verifications failed, in the server's words, with C(hostname), C(source), C(reason), C(count).
  returned: success
  type: list
  elements: dict
offenders:
  description:
    - Who sent what enforcement would not accept, with C(peer), C(hostname), C(source), C(verification), C(count),
      C(first), C(last) and a few C(paths) and C(agents). A path of more than 120 characters is cut, with a V(*) at the
      end.
    - Callers past the edge that no exception covers come first, the most frequent before the others. The edge is one
      sender for each hostname and verification, with V(edge) as its C(peer).
  returned: success
  type: list
  elements: dict
offenders_omitted:
  description: Requests of offenders that aren't listed.
  returned: success
  type: int
nonces:
  description:
    - Nonces that were found, each with C(hostname), C(source), C(verification), C(certificate), C(current), and
      C(refused) (V(true) or V(false)), as in RV(counts).
  returned: success
  type: dict
missing_nonces:
  description: Nonces that were not found.
  returned: success
  type: list
  elements: str
cursor:
  description: The position after the last whole line, also if none is in the window. Empty if there is no log.
  returned: success
  type: dict
cursor_lost:
  description:
    - The given position fits no file any more, so everything was read. So it is with that of an empty log, if an older
      file was written since, because that could be a copy of what was in the log meanwhile.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.plugins.module_utils._engine.evidence import EVIDENCE_SPEC, gather


def main() -> None:
    module = AnsibleModule(
        argument_spec=EVIDENCE_SPEC,
        required_one_of=[("server", "path")],
        supports_check_mode=True,
    )
    run(module, gather)


if __name__ == "__main__":
    main()
