# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is the edge: address ranges, as a test for one address and as a regular expression for whole blocks."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable
from typing import Union

from .._common.errors import InvalidInput

_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

# https://www.cloudflare.com/ips-v4 and ips-v6, as published since 2021; `GET /ips` is asked first where possible.
CLOUDFLARE_RANGES: tuple[str, ...] = (
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
)
_REMEMBERED = 50000
# A repetition that never gives back what it took: it costs less (and is there from Python 3.11 on).
FIRMLY = "+" if sys.version_info >= (3, 11) else ""


def network(text: str) -> _Network:
    """An address or a CIDR; one of v4 addresses mapped into v6 is one of v4. Raises :class:`InvalidInput`."""
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise InvalidInput(
            f"{text!r} is neither an address nor an address range.", "Write it as in 192.0.2.0/24."
        ) from error
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    if mapped is None or found.prefixlen < 96:
        return found
    return ipaddress.ip_network((mapped, found.prefixlen - 96))


def caller(peer: str) -> str:
    """The address of a log's peer as an exception names it, or empty where it is none (``unix:``)."""
    try:
        return str(network(peer.partition("%")[0]).network_address)
    except InvalidInput:
        return ""


class Ranges:
    """A set of address ranges. ``in`` takes the text of an address and remembers its answer."""

    def __init__(self, ranges: Iterable[str]) -> None:
        self.networks = [network(text) for text in ranges]
        self._known: dict[str, bool] = {}

    def __contains__(self, address: object) -> bool:
        text = str(address)
        known = self._known.get(text)
        if known is None:
            known = self._look_up(text)
            if len(self._known) >= _REMEMBERED:  # an attacker with many addresses must not fill the memory
                self._known.clear()
            self._known[text] = known
        return known

    def _look_up(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:192.0.2.1, a dual-stack listener
        address = mapped or address
        return any(address.version == net.version and address in net for net in self.networks)

    def pattern(self) -> bytes:
        """A regular expression (no group) that matches addresses of the ranges only, though perhaps not all of them.

        It is for canonical addresses as a server logs them. What it misses is looked at one by one.
        """
        by_size = sorted(self.networks, key=lambda net: net.prefixlen)  # large ranges first: they are the likely ones
        v4 = [_octets(net) for net in by_size if net.version == 4 and net.prefixlen <= 24]
        v6 = [text for net in by_size if net.version == 6 for text in [_groups(net)] if text]
        alternatives = []
        if v4:
            alternatives.append(f"(?:{'|'.join(v4)})[0-9.]+{FIRMLY}")
        if v6:
            alternatives.append(f"(?:{'|'.join(v6)})[0-9a-f:]+{FIRMLY}")
        return (f"(?:{'|'.join(alternatives)})" if alternatives else "(?!)").encode()


def _octets(net: _Network) -> str:
    first, last = net.network_address.packed, net.broadcast_address.packed
    text = ""
    for low, high in zip(first, last):
        if low == high:
            text += rf"{low}\."
        else:
            if (low, high) != (0, 255):
                text += f"(?:{'|'.join(_numbers(low, high))})"
                text += r"\."
            break
    return text


def _numbers(low: int, high: int) -> list[str]:
    """Numbers of a range that is aligned to a power of two, by their decimal text: 64..71 -> 6[4-9], 7[01]."""
    tens: dict[str, list[str]] = {}
    for number in range(low, high + 1):
        tens.setdefault(str(number)[:-1], []).append(str(number)[-1])
    return [head + (units[0] if len(units) == 1 else f"[{units[0]}-{units[-1]}]") for head, units in tens.items()]


def _groups(net: _Network) -> str:
    """``2606:4700:`` for 2606:4700::/32; empty where the text of an address has more than one spelling."""
    whole, rest = divmod(net.prefixlen, 16)
    groups = net.network_address.exploded.split(":")
    if not 0 < whole < 8 or any(group.startswith("0") for group in groups[: whole + (1 if rest else 0)]):
        return ""
    text = "".join(group + ":" for group in groups[:whole])
    if rest:
        digits, bits = divmod(rest, 4)
        text += groups[whole][:digits]
        if bits:
            first = int(groups[whole][digits], 16)
            text += f"[{''.join(f'{first + i:x}' for i in range(1 << 4 - bits))}]"
            digits += 1
        text += "[0-9a-f]" * (4 - digits) + ":"
    return text
