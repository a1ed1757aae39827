"""Credentials in a text, by the patterns of detect-secrets. The only importer of detect_secrets.

Its plugins are used one by one on the text: no files, no global settings, and never their `verify`, which asks the
provider over the network. Left out are those that guess: the two entropy detectors and the keyword detector, which fire
on hashes, ids and on prose about passwords, and public IP addresses, which are no credentials.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import Any

_PLUGINS = {
    "artifactory": "ArtifactoryDetector",
    "aws": "AWSKeyDetector",
    "azure_storage_key": "AzureStorageKeyDetector",
    "basic_auth": "BasicAuthDetector",
    "discord": "DiscordBotTokenDetector",
    "github_token": "GitHubTokenDetector",
    "gitlab_token": "GitLabTokenDetector",
    "jwt": "JwtTokenDetector",
    "mailchimp": "MailchimpDetector",
    "npm": "NpmDetector",
    "openai": "OpenAIDetector",
    "private_key": "PrivateKeyDetector",
    "pypi_token": "PypiTokenDetector",
    "sendgrid": "SendGridDetector",
    "slack": "SlackDetector",
    "square_oauth": "SquareOAuthDetector",
    "stripe": "StripeDetector",
    "telegram_token": "TelegramBotTokenDetector",
    "twilio": "TwilioKeyDetector",
}

_KEY_BLOCK = re.compile(r"-----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
_LEAST_SECRET = 6


def find_secret(text: str) -> str | None:
    """The kind of the first credential in the text, such as `AWS Access Key`, or None; never the credential itself."""
    for detector in _detectors():
        for _ in detector.analyze_string(text):
            return str(detector.secret_type)
    return None


def secret_values(text: str) -> list[str]:
    """The credentials themselves, for replacing them; of a private key all that follows its first line, to its last."""
    found = []
    for detector in _detectors():
        if not any(True for _ in detector.analyze_string(text)):
            continue
        for match in (match for pattern in detector.denylist for match in pattern.finditer(text)):
            # A long group is the secret inside its surroundings, a short one only names the kind of token.
            groups = [group for group in match.groups() if group and len(group) >= _LEAST_SECRET]
            key = _KEY_BLOCK.search(text, max(0, match.start() - 5)) if "BEGIN" in match[0] else None
            found.append(key[0] if key else max(groups, key=len, default=match[0]))
    return found


@cache
def _detectors() -> tuple[Any, ...]:
    return tuple(getattr(import_module(f"detect_secrets.plugins.{m}"), name)() for m, name in _PLUGINS.items())
