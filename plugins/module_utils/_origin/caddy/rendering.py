# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of our own files on a Caddy origin."""

from __future__ import annotations

from collections.abc import Mapping

from .. import marks
from ..model import ENFORCE, MARK

LOGGER = "originlock_aop"
NOTE = "# Generated; changes are overwritten.\n"
#: What the log needs beyond what Caddy writes by itself. The value is added to the user's own log, too.
FIELDS: tuple[tuple[str, str], ...] = (
    ("aop_fingerprint", "{http.request.tls.client.fingerprint}"),
    ("aop_issuer", "{http.request.tls.client.issuer}"),
    ("aop_agent", "{http.request.header.User-Agent}"),
)


def quote(text: str) -> str:
    """A word of a Caddyfile."""
    return f'"{text}"' if any(char in text for char in ' \t"{}#`') or not text else text


def authentication(stage: str, bundle: str) -> str:
    """What a client is asked for. At ``log_only`` the bundle only tells clients which certificate is wanted."""
    mode = "require_and_verify" if stage == ENFORCE else "request"
    return f"client_auth {{\n\tmode {mode}\n\ttrust_pool file {quote(bundle)}\n}}\n"


def tls_file(stages: Mapping[str, str], stage: str, bundle: str) -> str:
    """What the site's own tls block imports."""
    return marks.headers(stages) + NOTE + authentication(stage, bundle)


def site_file(stages: Mapping[str, str], stage: str, bundle: str, log_path: str, own_tls: bool) -> str:
    """What the site block imports: the log, and the tls directive where the site has none (``own_tls`` false)."""
    lines = [marks.headers(stages) + NOTE.rstrip("\n")]
    if not own_tls:
        inner = authentication(stage, bundle).replace("\n", "\n\t").rstrip("\t")
        lines.append(f"tls {{\n\t{inner}}}")
    lines.append(f"log_append aop_stage {stage}")
    lines += [f"log_append {name} {value}" for name, value in FIELDS]
    names = " ".join(sorted(stages))
    lines.append(
        f"log {LOGGER} {{\n"
        f"\thostnames {names}\n"
        f"\toutput file {quote(log_path)} {{\n\t\tmode 0640\n\t}}\n"
        "\tformat filter {\n\t\tfields {\n"
        "\t\t\trequest>headers delete\n"
        '\t\t\trequest>uri regexp "[?].*" ""\n'
        "\t\t\tresp_headers delete\n"
        "\t\t}\n\t}\n}"
    )
    return "\n".join(lines) + "\n"


def bundle_file(text: str) -> str:
    """Whom a site block trusts."""
    return f"# {MARK} trust bundle. Generated; changes are overwritten.\n{text}"
