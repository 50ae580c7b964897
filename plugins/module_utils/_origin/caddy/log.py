# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of Caddy's verification log as records of ours.

Caddy writes its own JSON, with its keys in a fixed order and what ``log_append`` adds at the end. Nothing in it was
verified at ``log_only``: a certificate that was presented counts once its fingerprint is one of ours.
"""

from __future__ import annotations

import re

#: What Caddy gives for the fingerprint where there is no certificate: the SHA-256 of nothing.
NO_CERTIFICATE = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#: A text in JSON: quotes of a client are escaped, so it can't end one, and can't write a key.
_TEXT = rb'[^"\\\n]*(?:\\.[^"\\\n]*)*'
#: The same where nothing is escaped. Most lines are so, and are read several times faster.
_PLAIN_TEXT = rb'[^"\\\n]*'


def _line(text: bytes, host: bytes, more: bytes) -> re.Pattern[bytes]:
    """A whole line. ``more``: what may stand between the values that Caddy writes and those that we add."""
    word, number = rb'"[^"\n]*"', rb"[0-9.e-]+"
    parts = (
        rb'\{"level":"\w+","ts":([0-9.]+),"logger":%b,"msg":"handled request"' % word,
        rb',"request":\{"remote_ip":"([^"\n]*)","remote_port":%b,"client_ip":%b,"proto":%b' % (word, word, word),
        rb',"method":"(%b)","host":"(%b)(?::[0-9]+)?","uri":"(%b)"' % (text, host, text),
        rb',"tls":\{"resumed":(\w+),"version":([0-9]+),"cipher_suite":%b,"proto":%b' % (number, word),
        rb',"server_name":"(%b)"[^\n}]*%b\}\},"bytes_read":%b,"user_id":"%b"' % (text, more, number, text),
        rb',"duration":%b,"size":%b,"status":([0-9]+)%b,"aop_agent":"(%b)"' % (number, number, more, text),
        rb',"aop_issuer":"(%b)","aop_fingerprint":"([0-9a-f]{64})","aop_stage":"(\w+)"%b\}\n' % (text, more),
    )
    return re.compile(b"".join(parts))


_USUAL = _line(_PLAIN_TEXT, rb'[^"\\\n:]*', b"")
# A host up to its port, or all of it where more colons are in it; and fields of the user's own.
_ANY = _line(_TEXT, rb'(?:[^"\\\n:]|\\.)*|' + _TEXT, rb"[^\n]*?")
_RECORD = (
    rb'{"time":"\1","peer":"\2","status":"\9","server":"caddy","hostname":"\4","sni":"\8","stage":"\g<13>",'
    rb'"verify":"SUCCESS","serial":"","issuer":"\g<11>","fingerprint":"sha256:\g<12>","tls":"\7","resumed":"\6",'
    rb'"method":"\3","path":"\5","agent":"\g<10>"}' + b"\n"
)
_NOTHING = b'"verify":"SUCCESS","serial":"","issuer":"","fingerprint":"sha256:' + NO_CERTIFICATE + b'"'
_NONE = b'"verify":"NONE","serial":"","issuer":"","fingerprint":""'
#: Requests without TLS have no certificate to tell of.
_PLAIN = re.compile(rb'\{"level":[^\n]*"uri":"' + _TEXT + rb'"\},"bytes_read"[^\n]*\n')


def adapt(lines: bytes) -> bytes:
    """Whole lines in, whole lines out. A line of another kind stays as it is, and is unreadable then."""
    found = _USUAL.sub(_RECORD, lines)
    if b'{"level":' in found:
        found = _PLAIN.sub(b"", _ANY.sub(_RECORD, found))
    return found.replace(_NOTHING, _NONE)
