"""Telling a webhook what a re-evaluation found."""

import json
import os
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

_SECONDS = 10.0
_ENV = "env:"
_SAID = (
    "study",
    "kind",
    "fresh",
    "status",
    "summary",
    "counts",
    "thresholds",
    "baseline",
    "created",
    "version",
    "page",
    "run",
)


def post(webhook: str, found: dict[str, Any]) -> str:
    """Send what was found, but its pairs, as JSON; empty, or why it was not delivered. Never says the address."""
    address = os.environ.get(webhook.removeprefix(_ENV), "") if webhook.startswith(_ENV) else webhook
    if not address.startswith(("http://", "https://")):
        return f"the environment has no http address in {webhook.removeprefix(_ENV)}"
    body = json.dumps({k: found[k] for k in _SAID if k in found}).encode()
    request = Request(address, body, {"Content-Type": "application/json"}, method="POST")
    try:
        with urlopen(request, timeout=_SECONDS):
            return ""
    except URLError as error:
        reason = error.reason if isinstance(error.reason, str) else type(error.reason).__name__
        return f"the webhook did not take it: {getattr(error, 'code', '')} {reason}".replace("  ", " ")
    except (OSError, ValueError) as error:  # a timeout while reading, or an address that is none
        return f"the webhook did not take it: {type(error).__name__}"
