"""One POST to the operator's own address when an alarm is new, signed as Standard Webhooks has it.

Nothing is sent unless a URL was set. It is bounded in time and never raises: a round must not wait for a chat server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Mapping

import httpx2

from synthdata.records import canonical_json, content_hash
from synthdata.settings import WebhookSettings

URL_VARIABLE = "SYNTHDATA_WEBHOOK_URL"


def webhook_url(settings: WebhookSettings) -> str:
    """Where to send: the environment's URL, else that of the settings, else nowhere (empty)."""
    return os.environ.get(URL_VARIABLE) or settings.url


def post(url: str, payload: Mapping[str, object], settings: WebhookSettings) -> str:
    """Send `payload` as JSON and wait for a status under 300; why it could not be delivered, or nothing.

    The id is a hash of the payload, so a receiver can drop what comes twice. With a secret in the variable that
    `secret_env` names, `webhook-signature` holds `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.
    """
    body = canonical_json(dict(payload)).encode()
    problem = ""
    for attempt in range(1, settings.attempts + 1):
        if attempt > 1:
            time.sleep(settings.pause_seconds)
        headers = {"content-type": "application/json", **_signed(body, os.environ.get(settings.secret_env, ""))}
        try:
            # Only the status counts: an endless answer is never read.
            with (
                httpx2.Client(timeout=settings.timeout_seconds) as client,
                client.stream("POST", url, content=body, headers=headers) as answer,
            ):
                status = answer.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            problem = str(error) or type(error).__name__
            continue
        if status < 300:
            return ""
        problem = f"status {status}"
        if 400 <= status < 500 and status != 429:
            break  # it will not get better by asking again
    return problem


def _signed(body: bytes, secret: str) -> dict[str, str]:
    name, stamp = f"msg_{content_hash(body.decode())}", str(int(time.time()))
    headers = {"webhook-id": name, "webhook-timestamp": stamp}
    if secret:
        digest = hmac.new(_key(secret), f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _key(secret: str) -> bytes:
    # Secrets of the standard are base64 behind this prefix; any other text is taken as it is.
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            pass
    return secret.encode()
