#!/usr/bin/python
# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: origin_probe
short_description: Prove from outside that origins refuse everybody but the edge
version_added: "0.1.0"
description:
  - Connects to origin addresses as a stranger and, where the key is at hand, with the certificate of the edge.
    Tells for each hostname and origin whether it is open, asks for certificates only, or enforces them.
  - Looks for ways around the enforcement. Each address and listener (TLS, plain HTTP, HTTP/3) is tried with the right,
    no, an unknown and another site's name in the handshake, with odd spellings of the hostname, with HTTP/2 requests
    on another site's connection, with forged certificates, over TLS 1.2 and 1.3, and with TLS sessions of other sites.
  - A refusal counts as enforcement only where the right client was seen to get in, see O(certificate) and O(edge).
  - A door that could not be tried in time, or gave no clear answer, makes the hostname V(inconclusive).
  - What is found is returned and never makes the module fail. Look at RV(as_expected), RV(holes) and RV(findings).
  - Run it on the controller (C(delegate_to=localhost)), or on any host that is not behind the origin's own firewall.
author:
  - originlock contributors (@originlock)
attributes:
  check_mode:
    support: full
    description: The module only reads; its requests are the same in check mode.
  diff_mode:
    support: none
    description: There is nothing that changes.
options:
  origins:
    description: The origins and where they listen.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the origin in results.
        type: str
        required: true
      addresses:
        description:
          - IPv4 and IPv6 addresses, or names that are resolved to all of their addresses. By default the name.
        type: list
        elements: str
        default: []
      ports:
        description:
          - TCP ports that speak TLS. By default those of O(origins[].listeners), or 443 where none of these speaks TLS.
        type: list
        elements: int
      plain_ports:
        description: TCP ports that speak HTTP without TLS. A closed port is fine.
        type: list
        elements: int
        default: [80]
      quic_ports:
        description: UDP ports that speak HTTP/3. Those announced by C(Alt-Svc) headers are added.
        type: list
        elements: int
        default: []
      listeners:
        description:
          - Further listeners as C(origin_site) returns them, such as V(*:8443), V([::]:443) or V(443 quic).
          - Nothing is sent to an address that is not among O(origins[].addresses). A listener on another one, such as
            a private address behind NAT, is tried at the same port of the addresses of its family, and is a finding
            if that fails. Sockets of files and of the loopback are left out.
        type: list
        elements: str
        default: []
      other_listeners:
        description:
          - Listeners that the server has for something else, written likewise. With O(expect=enforce), names in the
            handshake and the request are tried there, too, and whoever gets in to a protected hostname is a hole.
            Whether one answers, refuses or serves something else doesn't count.
        type: list
        elements: str
        default: []
  hostnames:
    description: The protected hostnames. Options that are not given here are taken from the module's own.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The hostname.
        type: str
        required: true
      expect:
        description: See O(expect).
        type: str
        choices: [open, log_only, enforce]
      edge_status:
        description:
          - The status that a request through the edge got just now, as the positive control. V(0) is not known.
          - See O(edge) for what counts; here, redirects do, too. The protected page stays unknown, so that pages can't
            be compared.
        type: int
        default: 0
      alike:
        description:
          - Hostnames with the same text here are one class, because the origins serve them in the same place and with
            the same policy. Of each class (with the same expectation) the first is probed in O(depth), the others at
            their main doors only. Those are the right name, no name, an unknown one and one of O(foreign_sni) in the
            handshake, each without a certificate, plain HTTP, and once our own certificate.
          - One of them that is answered otherwise than the first is probed in O(depth), too.
          - They share the forged certificates of the first, so they have to be of one CA.
        type: str
        default: ""
      certificate:
        description: See O(certificate).
        type: path
      private_key:
        description: See O(private_key).
        type: path
      private_key_passphrase:
        description: See O(private_key_passphrase).
        type: str
      ca_certificate:
        description: See O(ca_certificate).
        type: path
      ca_private_key:
        description: See O(ca_private_key).
        type: path
      ca_private_key_passphrase:
        description: See O(ca_private_key_passphrase).
        type: str
  expect:
    description:
      - The stage that the hostnames should have.
      - With V(enforce), every way in is a hole.
      - With V(log_only), everybody has to be served and asked for a certificate.
      - With V(open), everybody has to be served and nobody asked.
    type: str
    default: enforce
    choices: [open, log_only, enforce]
  certificate:
    description: PEM file of the client certificate that the edge presents (the leaf, with intermediates after it).
    type: path
  private_key:
    description: PEM file of its key. With it the probe plays the edge at every listener.
    type: path
  private_key_passphrase:
    description: The passphrase of that key, if it has one.
    type: str
  ca_certificate:
    description: PEM file of the client CA, whose name is forged in one of the tests.
    type: path
  ca_private_key:
    description:
      - PEM file of the key of that CA. With it, the expired certificate and the one for servers only are really signed
        by it, for the length of the probe. Without it, a foreign CA signs them, which proves less.
    type: path
  ca_private_key_passphrase:
    description: The passphrase of that key.
    type: str
  other_certificates:
    description:
      - Certificates of other CAs that some site on these origins accepts, such as those of other zones or of staff.
        They show whether another site's verdict is taken for the protected hostname.
      - Leaves of other O(hostnames) that are of another CA are used like that without being listed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: A name for the results.
        type: str
        required: true
      certificate:
        description: PEM file.
        type: path
      private_key:
        description: PEM file.
        type: path
      private_key_passphrase:
        description: The passphrase of that key, if it has one.
        type: str
  certificates:
    description: The forged certificates to try. With an empty list C(cryptography) is not needed.
    type: list
    elements: str
    choices: [self_signed, foreign_ca, same_name_ca, expired, server_auth]
    default: [self_signed, foreign_ca, same_name_ca, expired, server_auth]
  foreign_sni:
    description:
      - Names of other sites on these origins, best of unprotected ones. By default the first of the other O(hostnames).
    type: list
    elements: str
    default: []
  edge:
    description:
      - Make one request for each hostname through the edge, as a positive control. V(dns) goes where the hostname
        points to; V(HOST:PORT) goes there. With V(dns), a name that resolves to an address of one of O(origins) is
        not asked, since no edge is there.
      - It counts only where O(certificate) was not tried, and only with a status below 500 other than redirects, 400,
        403, 421 and 429, which an edge gives by itself, and not from the edge's cache. It carries a random query, so
        that caches don't have the answer.
      - It reaches one origin. If there are several in O(origins), it proves none of them, unless
        O(edge_for_every_origin=true). So give all origins of a hostname in one call.
    type: str
    default: ""
  edge_for_every_origin:
    description:
      - Let the control through the edge count for each of several O(origins), although it reached only one.
      - Only for callers that prove in another way that the edge gets in at each origin, as the playbook C(enforce)
        does by canaries and logs. It stays a finding.
    type: bool
    default: false
  paths:
    description: Request paths. The first is tried in every way, the others without and with our certificate.
    type: list
    elements: str
    default: ["/"]
  depth:
    description:
      - V(quick) is a look, no proof. It tries the names in the handshake and leaves out forged certificates, sessions,
        spellings and HTTP/2 on another site's connection, so that holes of these kinds stay unseen.
    type: str
    default: full
    choices: [full, quick]
  rows:
    description: Which requests are returned in RV(rows). V(noteworthy) are those that were not turned away as wanted.
    type: str
    default: noteworthy
    choices: [all, noteworthy, none]
  connect_timeout:
    description: Seconds for a connection to stand.
    type: float
    default: 5.0
  timeout:
    description: Seconds for a handshake and for an answer.
    type: float
    default: 10.0
  time_limit:
    description:
      - Seconds for everything. What was not tried by then is a finding, and with O(expect=enforce) an error.
      - A hostname needs about 60 to 110 connections for each address and TLS port, see O(rate).
    type: float
    default: 300.0
  rate:
    description: Connections per second to one origin.
    type: float
    default: 50.0
  workers:
    description: Connections at once.
    type: int
    default: 8
  retries:
    description:
      - How often a request without a clear answer is repeated. With less than 2, closed connections are no refusal.
    type: int
    default: 2
  reckon_only:
    description:
      - Send nothing, and only say how many seconds the probe will take at O(rate).
      - The module always fails before anything is sent if that is more than O(time_limit).
    type: bool
    default: false
requirements:
  - Python 3.9 or newer, on the host where it runs
  - cryptography, unless O(certificates=[])
  - aioquic, for HTTP/3 only
notes:
  - A hostname takes 47 to 83 small requests for each address and TLS port (10 to 18 with O(depth=quick)), 21 to 32 for
    an HTTP/3 port and 2 for a plain one; each further CA or name in O(foreign_sni) adds 8 to 20. They carry the user
    agent C(originlock-probe) and show in the logs of the origin.
seealso:
  - module: originlock.aop.origin_site
"""

EXAMPLES = r"""
- name: Look for ways around the edge
  originlock.aop.origin_probe:
    origins:
      - name: web1
        addresses: [192.0.2.10, "2001:db8::10"]
      - name: web2
        addresses: [192.0.2.11]
        ports: [443, 8443]
    hostnames:
      - name: app.example.com
        certificate: pki/example.com/app.example.com.crt
        private_key: pki/example.com/app.example.com.key
    foreign_sni: [www.example.org]
  delegate_to: localhost
  run_once: true
  register: probe
  failed_when: not probe.as_expected

- name: Without our key, with a request through the edge as the positive control
  originlock.aop.origin_probe:
    origins: [{name: web1, addresses: [192.0.2.10]}]
    hostnames: [{name: app.example.com}]
    edge: dns
  delegate_to: localhost
"""

RETURN = r"""
seconds:
  description:
    - How long the probe takes at least at O(rate), as reckoned before. Listeners for something else aren't counted.
    - Also returned if it fails for that.
  returned: success
  type: float
as_expected:
  description: Every hostname has the expected stage at every origin, without a hole or an error.
  returned: success
  type: bool
summary:
  description: One entry per hostname and origin.
  returned: success
  type: list
  elements: dict
  contains:
    hostname:
      description: The hostname.
      type: str
    origin:
      description: The origin.
      type: str
    expect:
      description: What was expected.
      type: str
    class:
      description:
        - What was found. V(enforced) (refused, and the right client gets in), V(open), V(asks_only) (asks for a
          certificate and serves everybody), V(misrouted) (does not serve that hostname), V(down) (refuses the right
          client, too) or V(inconclusive) (no positive control, or a door without a clear answer).
      type: str
    as_expected:
      description: Whether that is as expected, without a hole or an error.
      type: bool
    control:
      description:
        - The positive control, V(leaf), V(edge), V(some_origin) (through the edge, at one of several origins),
          V(failed) or empty.
      type: str
    requests:
      description: Number of requests.
      type: int
    holes:
      description: Number of holes.
      type: int
    findings:
      description: Number of other findings.
      type: int
    text:
      description: All that in one line.
      type: str
holes:
  description: The ways around the enforcement, one for each kind and listener.
  returned: success
  type: list
  elements: dict
  contains: &finding
    code:
      description: The kind, such as C(second_listener), C(plain_http), C(session_resumption).
      type: str
    severity:
      description: V(error) or V(warning).
      type: str
    hostname:
      description: The hostname.
      type: str
    origin:
      description: The origin.
      type: str
    listener:
      description: Address and port, with C(/plain) or C(/udp) where it is not TLS over TCP.
      type: str
    variant:
      description: The first request that showed it, in words.
      type: str
    variants:
      description: All of them.
      type: list
      elements: str
    evidence:
      description: What came back.
      type: str
    remedy:
      description: What to do.
      type: str
findings:
  description:
    - What a person should know besides, such as an origin that refuses our own certificate (C(down)).
    - C(not_served), the listener doesn't serve the hostname.
    - With O(expect=log_only) and O(expect=open) also C(refuses), clients are refused.
    - With O(expect=log_only) also C(not_asked), somebody is served without having been asked for a certificate.
    - With O(expect=open) also C(asked), a certificate is asked for.
    - With O(expect=enforce) also C(not_asked), somebody is refused without having been asked for a certificate;
      C(edge_refused), the edge is refused though our own certificate gets in; and C(page_unknown), a page that every
      name gets may be the protected one (an error if it looks like it, else a warning).
    - C(not_probed), a listener that can't be reached from here, or (an error with O(expect=enforce)) one that speaks
      neither TLS 1.2 or 1.3 nor plain HTTP.
  returned: success
  type: list
  elements: dict
  contains: *finding
rows:
  description: Single requests, see O(rows).
  returned: success
  type: list
  elements: dict
  contains:
    hostname:
      description: The hostname.
      type: str
    origin:
      description: The origin.
      type: str
    listener:
      description: Address and port.
      type: str
    variant:
      description: The request in words.
      type: str
    certificate:
      description: The kind of certificate.
      type: str
    tls:
      description: The TLS version.
      type: str
    resumed:
      description: Whether a TLS session was resumed.
      type: bool
    asked:
      description: Whether the handshake asked for a certificate; null where this Python can't tell.
      type: bool
    status:
      description: The HTTP status, or null.
      type: int
    class:
      description:
        - As in RV(summary[].class), and V(served) for our own certificate, V(closed) where nothing is served (no
          listener, a TLS version that is not offered, a redirect to HTTPS).
      type: str
    reason:
      description: What came back, and what speaks for the class.
      type: str
table:
  description: The result as lines of text.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.plugins.module_utils._engine.probe import PROBE_SPEC, work


def main() -> None:
    module = AnsibleModule(
        argument_spec=PROBE_SPEC,
        required_by={"private_key": "certificate", "ca_private_key": "ca_certificate"},
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
