"""Requests to an endpoint: slowly enough, again when it is busy, and without ever showing the key.

The key is read from the environment when it is needed. It goes to the address that was named alone (an answer that
leads elsewhere is refused), not in the clear to another machine, and is cut out of what the endpoint says.
"""

import json
import os
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib import error, request
from urllib.parse import urlsplit

from consilience.engine.errors import BadInput

_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504}
_FIRST, _LONGEST = 1.0, 60.0  # seconds before another try, doubled each time, where the endpoint does not say
_LOCAL = {"localhost", "127.0.0.1", "::1"}


def checked(url: str) -> str:
    """`url`, once it is known to be an address and to hold no secret. Raises BadInput."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("an address such as https://api.openai.com/v1", repr(url), "give it in full")
    if parts.username or parts.password or parts.query:
        raise BadInput(
            "an address without a user, a password or a query", f"one of {parts.hostname} with them",
            "leave them out: a key comes from the environment (`key_env`)",
        )  # fmt: skip
    return url


class _Stay(request.HTTPRedirectHandler):
    """Urllib would take the key along to wherever an answer leads."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Asker:
    """Asks one address. `rate`: requests a minute at most; `seconds`: for one answer."""

    def __init__(self, url: str, key_env: str, rate: float | None, retries: int, seconds: float):
        self.url, self.key_env, self.retries, self.seconds = url, key_env, retries, seconds
        self._gap = 60 / rate if rate else 0.0
        self._next = 0.0  # of the monotonic clock
        self.tokens = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_next": 0.0, "tokens": 0}  # the clock of another machine is another

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer, as JSON; the tokens that it says it took are counted.

        Raises BadInput where no key, model or address of that name is known, or the endpoint stays out of reach; and
        ValueError for a question that it refuses, as for a text that is too long.
        """
        key = os.environ.get(self.key_env, "")
        parts = urlsplit(self.url)
        if key and parts.scheme == "http" and parts.hostname not in _LOCAL:
            raise BadInput(
                f"https for {parts.hostname}, where the key in {self.key_env} would be sent", "http",
                f"use https, or unset {self.key_env} if the endpoint needs none",
            )  # fmt: skip
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        told = ""
        for attempt in range(self.retries + 1):
            self._take_turn()
            asked = request.Request(self.url, json.dumps(question).encode(), headers)
            try:
                with request.build_opener(_Stay).open(asked, timeout=self.seconds) as answer:
                    found: dict[str, Any] = json.loads(answer.read())
                usage = found.get("usage") or {}
                self.tokens += int(usage.get("total_tokens") or usage.get("prompt_tokens") or 0)
                return found
            except error.HTTPError as bad:
                with bad:
                    said = _said(bad.read(2000), key)
                told = f"{bad.code} {said}".strip()
                if bad.code not in _AGAIN:
                    raise self._refused(bad.code, told) from None
                wait = _waited(bad.headers.get("Retry-After"))
            except (OSError, ValueError) as bad:  # no connection, one cut short, or an answer that is no JSON
                told, wait = _without(str(bad), key) or type(bad).__name__, None
            if attempt < self.retries:
                time.sleep(min(_FIRST * 2**attempt, _LONGEST) if wait is None else wait)
        raise BadInput(
            f"an answer from {self.url}", f"{told}, {self.retries + 1} times",
            "check the address and the connection; the same command goes on from here",
        )  # fmt: skip

    def _take_turn(self) -> None:
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._gap

    def _refused(self, code: int, told: str) -> ValueError:
        if code in (401, 403):
            return BadInput(
                f"a key for {self.url} in the environment variable {self.key_env}", f"answer {code}",
                "set it, in the processes that extract too, or name another (`key_env`)",
            )  # fmt: skip
        if code in (404, 405) or 300 <= code < 400:
            return BadInput(f"an embeddings endpoint and its model at {self.url}", told, "check both names")
        return ValueError(f"the endpoint refused it: {told}")


def _said(body: bytes, key: str) -> str:
    text = body.decode("utf-8", "replace")
    try:
        found = json.loads(text)["error"]
        text = str(found["message"] if isinstance(found, dict) else found)
    except (ValueError, KeyError, TypeError):
        pass
    return " ".join(_without(text, key).split())[:300]


def _without(text: str, key: str) -> str:
    return text.replace(key, "…") if key else text


def _waited(said: str | None) -> float | None:
    """Seconds of a Retry-After, which may be a date."""
    if said is None:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except ValueError:
        return None
