# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about each hole and finding."""

from __future__ import annotations

from collections.abc import Mapping

#: By code. A server has texts of its own, which go before these.
REMEDIES: dict[str, str] = {
    "not_protected": (
        "Nothing asks for a certificate here. Bring the hostname to enforce on this origin (role of the server, stage "
        "enforce) and check that every site file that serves it carries the include line."
    ),
    "second_listener": (
        "The hostname is enforced elsewhere on this origin, but not at this address and port. Put the policy into the "
        "server block or virtual host of this listener, too, or close the port."
    ),
    "ipv6_unprotected": (
        "The hostname is enforced over IPv4, but not over IPv6. Put the policy into the block that listens on the "
        "IPv6 address, too, or listen for both in one block."
    ),
    "asks_only": "A certificate is asked for, and everybody is served (this is log_only). Go on to enforce.",
    "optional": "Bad certificates are refused, but clients without any are served. Require a certificate.",
    "error_page": "The page for refused clients is the protected one. Take it out of the error handling.",
    "bad_certificate": (
        "A certificate that our CA did not issue for clients is accepted. Verify against our CA only, with the full "
        "chain, validity and purpose."
    ),
    "other_ca": (
        "A certificate of another CA is accepted under the right name. Take that CA out of the trust bundle of this "
        "hostname."
    ),
    "default_server_other_ca": (
        "Without the right SNI another site's CA decides. Refuse requests whose SNI and Host differ."
    ),
    "sni_mismatch": (
        "With another name in the handshake the protected site is served. Refuse requests whose SNI and Host "
        "differ."
    ),
    "host_spelling": (
        "An odd spelling of the hostname gets past the check of SNI against Host. Compare without case, port and "
        "trailing dot."
    ),
    "h2_coalescing": (
        "On a connection to another site, HTTP/2 requests for this hostname are served. Check SNI against the "
        "authority of each request."
    ),
    "session_resumption": (
        "A TLS session of another site is taken for this hostname, with that site's verdict. Update the server; until "
        "then switch session caches and tickets off."
    ),
    "session_same_site": (
        "A certificate that was refused is accepted when its TLS session is resumed. Never enforce by an expression "
        "over an optional verification."
    ),
    "plain_http": "The content is served without TLS. Redirect this port to HTTPS, or stop serving the hostname there.",
    "http3": (
        "HTTP/3 is served without the policy. Put it on the QUIC listener, too, or switch HTTP/3 off and stop "
        "announcing it."
    ),
    "late_request": (
        "The certificate is asked for only after the request was read. Over TLS 1.3 the edge doesn't answer to that, "
        "and paths without the rule stay open. Verify at the handshake, for the whole virtual host."
    ),
    "no_ca_names": "The server asks for a certificate and names no CA.",
    "default_server_unproven": (
        "Give a certificate of that other CA (other_certificates), so that the door can be tried; or make a default "
        "server that refuses the handshake."
    ),
    "down": (
        "Nobody gets in here, not even with our certificate: the edge would be refused. Check that the trust bundle "
        "holds the CA of the certificate that Cloudflare presents, and that the origin listens at this address."
    ),
    "not_served": "The origin doesn't serve this hostname at this listener. Check the address, or the server's names.",
    "no_control": (
        "Refusals were seen, but nothing shows that the right client gets in. Give certificate and private_key of the "
        "leaf, or edge."
    ),
    "not_let_in": (
        "Our certificate was tried here and not served, so refusals prove nothing. Make it work first: check the "
        "address, the server's names and its error log."
    ),
    "edge_unclear": (
        "The edge may have made this answer itself, or was not asked, so it doesn't show whether the origin lets the "
        "edge in. Give certificate and private_key of the leaf, a path that the edge passes on (paths), or, where the "
        "name resolves to an origin, the edge as HOST:PORT."
    ),
    "control_not_this_origin": (
        "There are several origins, and the edge reached only one of them. Give certificate and private_key of the "
        "leaf; or see that requests through the edge succeed on each origin (as canaries do) and set "
        "edge_for_every_origin."
    ),
    "edge_refused": (
        "Visitors are refused, though our certificate gets in here: the edge presents another one or none, distrusts "
        "the origin's own certificate (526), or reaches another origin. Compare the certificate that Cloudflare "
        "presents for this hostname with the leaf."
    ),
    "page_edited": (
        "Every name gets this page, and it looks like the protected one. The two differ, but one may change with "
        "every request, or come through the edge, which may change pages. If it's the edge, give certificate and "
        "private_key of the leaf, so that the two can be compared; or close this door."
    ),
    "page_differs": (
        "Every name gets this page, and it looks unlike the protected one. The two can't be compared to the letter, "
        "as one changes with every request, or came through the edge. See that this page may be read by everybody."
    ),
    "page_unknown": (
        "Every name gets this page, and the protected page is not known, so the two can't be compared. Give "
        "certificate and private_key of the leaf, or edge."
    ),
    "refusal_page": (
        "Who is refused gets a page of the site's own. It stays the same and isn't the protected one; see that it may "
        "be read by everybody."
    ),
    "inconclusive": (
        "This door may be open. Probe again; if it stays so, look at the origin's error log and at firewalls in "
        "between."
    ),
    "busy": (
        "This door may be open: the answer is that of a server which is busy or limits requests. Lower rate, let the "
        "limit pass the controller, and let default servers refuse with 421 or 404 instead of 503."
    ),
    "changing_page": (
        "Who is refused gets a page that changes with every request, which may hold protected content. Answer with "
        "the server's own error page or a static one."
    ),
    "not_probed": (
        "It can't be reached from the controller, so nobody knows whether it is a way around. Probe from a host that "
        "reaches it, or give the address where it can be reached; or see that nobody reaches it."
    ),
    "no_tls": (
        "Something answers here, but over neither TLS 1.3 nor 1.2, so nobody knows whether it is a way around. Switch "
        "older versions off and newer ones on, or close the port."
    ),
    "no_library": (
        "HTTP/3 needs the Python library aioquic on the controller. Install it, or make sure that nothing is served "
        "at this port."
    ),
    "time_limit": (
        "Not every door was tried, so nothing is proven. Raise time_limit or rate, or probe fewer hostnames at "
        "once."
    ),
    "asked": "The origin asks for client certificates, though the hostname is expected to know nothing of them.",
    "not_asked": (
        "The origin doesn't ask for a certificate, so its log can't tell anything. Bring the hostname to log_only."
    ),
    "unasked": (
        "Who comes without a certificate is turned away, but not for want of it: none is asked for. Perhaps a list of "
        "addresses or a firewall does it, and who gets past that needs no certificate. Bring the hostname to enforce "
        "on this origin, and let the controller pass."
    ),
    "refuses": "Clients are refused, though this stage has to serve everybody. Bring the hostname back to log_only.",
}


def server_of(header: str, servers: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """The texts of the server whose C(Server) header this is. ``servers``: how its header begins, and its texts."""
    text = header.lower()
    return next((texts for start, texts in servers.items() if text.startswith(start)), {})
