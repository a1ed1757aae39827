"""Credentials in a text, by the patterns of detect-secrets. The only importer of detect_secrets.

Its plugins are used one by one on the text: no files, no global settings, and never their `verify`, which asks the
provider over the network. Left out are those that guess: the two entropy detectors and the keyword detector, which fire
on hashes, ids and on prose about passwords, and public IP addresses, which are no credentials.
"""

from __future__ import annotations

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


def find_secret(text: str) -> str | None:
    """The kind of the first credential in the text, such as `AWS Access Key`, or None; never the credential itself."""
    for detector in _detectors():
        for _ in detector.analyze_string(text):
            return str(detector.secret_type)
    return None


@cache
def _detectors() -> tuple[Any, ...]:
    return tuple(getattr(import_module(f"detect_secrets.plugins.{m}"), name)() for m, name in _PLUGINS.items())
