# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the Cloudflare modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """C(cloudflare): how the API is reached. C(cloudflare.zone), C(cloudflare.wait)."""

    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - API token.
      - If not set, the value of the environment variable E(CLOUDFLARE_API_TOKEN) is used.
      - If a token as well as O(api_email) and O(api_key) are known, the token is used.
    type: str
  api_email:
    description:
      - E-mail address of the user that O(api_key) belongs to.
      - If not set, the value of the environment variable E(CLOUDFLARE_EMAIL) is used.
    type: str
  api_key:
    description:
      - Global API key of a user, with O(api_email). A token with few permissions is the better choice.
      - If not set, the value of the environment variable E(CLOUDFLARE_API_KEY) is used.
    type: str
  api_url:
    description:
      - Base URL of the API. Plain HTTP is accepted for loopback addresses only.
      - If not set, the value of the environment variable E(CLOUDFLARE_BASE_URL) is used.
    type: str
    default: https://api.cloudflare.com/client/v4
  timeout:
    description: Seconds to wait for one answer.
    type: int
    default: 30
  retries:
    description:
      - How often a request is tried again after a failure that can pass.
      - An upload of which the answer was lost is never simply repeated. The list of certificates is read, and the
        certificate is adopted if it is there.
    type: int
    default: 4
  rate_budget:
    description:
      - Requests per 5 minutes that all runs of the same user on this machine with the same credentials share.
        V(0) is without limit.
      - Cloudflare refuses everything for 5 minutes once a user made 1,200 requests within 5 minutes.
      - The counts are kept in a small file in the user's cache folder. It holds no secret.
    type: int
    default: 1200
  rate_budget_wait:
    description: Seconds to wait at most for room in O(rate_budget) before one request.
    type: int
    default: 600
requirements:
  - requests >= 2.28
  - cryptography >= 41
"""

    ZONE = r"""
options:
  zone:
    description: Name or id of the zone. An id saves one request.
    type: str
    required: true
"""

    WAIT = r"""
options:
  wait:
    description:
      - Whether to wait until everything is V(active) at Cloudflare. The progress is shown while waiting.
      - In check mode nothing is waited for.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most. When they are over, the task fails; running it again goes on waiting.
    type: int
    default: 300
"""
