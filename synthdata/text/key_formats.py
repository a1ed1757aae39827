"""Keys and tokens that their issuers give a fixed form: one list, one line a form, read by secrets.py.

From the issuers' documentation and the public rule sets of gitleaks, betterleaks and kingfisher as they stood in 2026;
the expressions are our own. Lengths are lower bounds, and a match takes the whole run of key characters: a log often
cuts a key or glues something to it, and half a key left behind is still a leak.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

# A key may follow an escaped line end, a percent-encoded character or a terminal's colour, whose last letter is no part
# of it.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\[\dm)|(?<=[\[;]\d\dm)|(?<=;\dm))"
_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """One form of key: its name in reasons, lower-case literals of which every match holds one, and the expression.

    The group `secret` is what has to go; without one the whole match is.
    """

    name: str
    hints: tuple[str, ...]
    expression: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The compiled expression. Made at its first use: two hundred at each start would be a tenth of its time."""
        return compiled(self.expression)


@cache
def compiled(expression: str) -> re.Pattern[str]:
    """The pattern of an expression; `re` itself keeps the last 512 only."""
    return re.compile(expression)


# A beginning of so many characters is found inside a longer word too: ids are glued together. Some are parts of words.
_PLAIN = 5
_IN_WORDS = ("sess-", "access-", "secret_")


def _forms(*rows: tuple[str, str, str]) -> tuple[KeyFormat, ...]:
    return tuple(KeyFormat(name, tuple(hints.split("|")), _before(hints) + form) for name, hints, form in rows)


def _before(hints: str) -> str:
    """What stands before a key: nothing of a word, unless the key begins as no other word does."""
    plain = hints.split("|")
    return "" if min(map(len, plain)) >= _PLAIN and hints not in _IN_WORDS else _START


_MODELS = _forms(
    ("Anthropic key", "sk-ant-", r"sk-ant-[\w-]{12,}"),
    ("OpenAI key", "sk-", r"sk-(?:proj|svcacct|service|admin|None)-[\w-]{12,}"),
    ("OpenAI key", "t3blbkfj", r"sk-[\w-]{10,}T3BlbkFJ[\w-]{10,}"),
    ("OpenAI session", "sess-", r"sess-[A-Za-z0-9]{32,}"),
    ("OpenRouter key", "sk-or-", r"sk-or-[\w-]{16,}"),
    ("Langfuse key", "k-lf-", r"[sp]k-lf-[0-9a-f][0-9a-f-]{15,}"),
    ("Helicone key", "sk-helicone-", r"sk-helicone-[\w-]{12,}"),
    ("Letta key", "sk-let-", r"sk-let-[\w=+/-]{16,}"),
    ("MiniMax key", "sk-api-", r"sk-api-[\w-]{20,}"),
    # DeepSeek, Moonshot, Stability, LiteLLM and others: no letters of their own after the dash.
    ("sk- key", "sk-", r"sk-(?=[a-zA-Z]{0,80}\d)(?=\d{0,80}[a-zA-Z])[A-Za-z0-9]{20,}[\w-]*"),
    ("sk- key", "sk-", r"sk-(?=[\w-]{0,80}\d)(?=[\w-]{0,80}[A-Z])(?=[\w-]{0,80}[a-z])[\w-]{40,}"),
    ("ElevenLabs key", "sk_", r"sk_[0-9a-f]{40,}"),
    ("LangSmith key", "lsv2_", r"lsv2_(?:pt|sk)_[0-9a-fA-F]{16,}\w*"),
    ("LangSmith key", "ls__", r"ls__[0-9a-f]{24,}"),
    ("Hugging Face token", "hf_", r"hf_(?=[A-Za-z0-9]{0,80}[A-Z])[A-Za-z0-9]{20,}"),
    ("Hugging Face token", "api_org_", r"api_org_[A-Za-z0-9]{20,}"),
    ("Groq key", "gsk_", r"gsk_[A-Za-z0-9]{20,}"),
    ("Tavily key", "tvly-", r"tvly-[\w-]{16,}"),
    ("xAI key", "xai-", r"xai-(?=[\w-]{0,80}\d)[\w-]{30,}"),
    ("Perplexity key", "pplx-", r"pplx-(?=[A-Za-z0-9]{0,80}\d)[A-Za-z0-9]{24,}"),
    ("Replicate token", "r8_", r"r8_[A-Za-z0-9]{24,}"),
    ("NVIDIA key", "nvapi-", r"nvapi-[\w-]{24,}"),
    ("Cerebras key", "csk-", r"csk-[a-z0-9]{30,}"),
    ("Fireworks key", "fw_", r"fw_(?=[A-Za-z0-9]{0,80}\d)[A-Za-z0-9]{20,}"),
    ("Together key", "tgp_v1_", r"tgp_v1_[\w-]{20,}"),
    ("Voyage key", "-", r"(?:pa|al)-(?=[\w-]{0,80}\d)(?=[\w-]{0,80}[A-Z])(?=[\w-]{0,80}[a-z])[\w-]{43}(?![\w-])"),
    ("Jina key", "jina_", r"jina_[A-Za-z0-9]{20,}[\w-]*"),
    ("Pinecone key", "pcsk_", r"pcsk_\w{20,}"),
    ("LlamaCloud key", "llx-", r"llx-[A-Za-z0-9]{20,}"),
    ("E2B key", "e2b_", r"e2b_[0-9a-f]{24,}"),
    ("Modal token", "-", r"a[ks]-(?=[A-Za-z0-9]{0,80}\d)(?=[A-Za-z0-9]{0,80}[A-Z])[A-Za-z0-9]{22}(?![A-Za-z0-9])"),
    ("Firecrawl key", "fc-", r"fc-[0-9a-f]{24,}"),
    ("Brave key", "bsa", r"BSA(?=[\w-]{0,80}\d)[\w-]{24,}"),
    ("Weights & Biases key", "wandb_v1_", r"wandb_v1_\w{24,}"),
    ("Mem0 key", "m0-", r"m0-(?=[A-Za-z0-9]{0,80}\d)[A-Za-z0-9]{30,}"),
    ("Cursor key", "key_", r"key_[0-9a-f]{40,}"),
    ("Devin key", "apk_", r"apk_(?:user_)?[A-Za-z0-9+/]{60,}={0,2}"),
    ("Devin key", "cog_", r"cog_[a-z2-7]{40,}"),
    ("Z.ai key", ".", r"[0-9a-f]{32}\.[A-Za-z0-9]{16}(?![\w.])"),
    ("Vercel token", "vc", r"vc[kpair]_[\w-]{24,}"),
    ("RunPod key", "rpa_", r"rpa_[A-Za-z0-9]{24,}"),
    ("Poe or PostHog key", "ph", r"ph[xc]_[\w-]{30,}"),
)

_CLOUD = _forms(
    ("AWS access key id", "akia|asia|abia|acca|a3t", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    ("AWS Bedrock key", "absk", r"ABSK[A-Za-z0-9+/]{60,}={0,2}"),
    ("AWS Bedrock key", "bedrock-api-key-", r"bedrock-api-key-[A-Za-z0-9+/=]{20,}"),
    (
        "AWS session token",
        "iqojb3jpz2lu|fwogzxivyxdz|fqogzxivyxdz",
        r"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[A-Za-z0-9+/=%]{40,}",
    ),
    ("Google API key", "aiza", r"AIza[\w-]{30,}"),
    ("Google API key", "aq.ab", r"AQ\.Ab[\w-]{30,}"),
    ("Google OAuth token", "ya29.", r"ya29\.[\w.-]{20,}"),
    ("Google OAuth secret", "gocspx-", r"GOCSPX-[\w-]{16,}"),
    ("Google refresh token", "1//", r"1//0[\w-]{30,}"),
    ("Azure client secret", "q~", r"[\w.~-]{3}\dQ~[\w.~-]{28,}"),
    ("Azure storage key", "==", r"(?<![+/])[A-Za-z0-9+/]{86}=="),
    ("Azure key", "jqqj99", r"[A-Za-z0-9]{30,}JQQJ99[A-Za-z0-9]{20,}"),
    ("Azure DevOps token", "azdo", r"[A-Za-z0-9]{52,}AZDO[A-Za-z0-9]{4,}"),
    ("Shared access signature", "sig=", r"sig=(?P<secret>[A-Za-z0-9%+/=_-]{20,})"),
    ("Signed URL", "signature=", r"(?i:X-(?:Amz|Goog)-Signature|Signature)=(?P<secret>[A-Za-z0-9%+/=~_-]{20,})"),
    ("Signed URL", "x-amz-", r"(?i:X-Amz-(?:Security-Token|Credential))=(?P<secret>[A-Za-z0-9%+/=_-]{16,})"),
    ("Alibaba key id", "ltai", r"LTAI[A-Za-z0-9]{12,}"),
    ("DigitalOcean token", "_v1_", r"do[opr]_v1_[0-9a-f]{32,}"),
    ("Heroku key", "hrku-", r"HRKU-[\w-]{30,}"),
    ("Cloudflare token", "cf", r"cf[ua]t_[A-Za-z0-9]{30,}"),
    ("Cloudflare key", "v1.0-", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{60,}"),
    ("Fly token", "fm", r"fm[12][ar]?_[A-Za-z0-9+/_-]{40,}={0,2}"),
    ("Fly token", "fo1_", r"fo1_[\w-]{30,}"),
    ("Databricks token", "dapi", r"dapi[0-9a-f]{24,}(?:-\d)?"),
    ("Databricks secret", "dose", r"dose[0-9a-f]{32}(?![\w])"),
    ("Snowflake or OpenShift token", "sha256~", r"sha256~[\w-]{30,}"),
    ("Supabase key", "sb", r"sb(?:p|_secret)_[\w-]{20,}"),
    ("Neon key", "napi_", r"napi_[A-Za-z0-9]{24,}"),
    ("PlanetScale secret", "pscale_", r"pscale_(?:tkn|oauth|pw)_[\w=.-]{20,}"),
    ("MongoDB Atlas secret", "mdb_sa_sk_", r"mdb_sa_sk_[\w-]{20,}"),
    ("CockroachDB key", "ccdb1_", r"CCDB1_\w{24,}"),
    ("Elastic key", "essu_", r"essu_[\w-]{40,}={0,2}"),
    ("Astra token", "astracs:", r"AstraCS:[A-Za-z0-9:_-]{20,}"),
    ("Tailscale key", "tskey-", r"tskey-[a-z]+-[\w-]{16,}"),
    ("Docker Swarm token", "swm", r"SWM(?:TKN|KEY)-1-[A-Za-z0-9+/-]{30,}"),
    ("Render key", "rnd_", r"rnd_[A-Za-z0-9]{20,}"),
    ("Dynatrace token", "dt0", r"dt0[a-z]\d\d\.[A-Za-z0-9]{20,}\.[A-Za-z0-9]{40,}"),
    ("Terraform token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}"),
    ("Pulumi token", "pul-", r"pul-[0-9a-f]{30,}"),
    ("Scalingo token", "tk-us-", r"tk-us-[\w-]{30,}"),
    ("Prefect key", "pn", r"pn[ub]_[A-Za-z0-9]{30,}"),
)

_FORGES = _forms(
    ("GitHub token", "gh", r"gh[pousr]_[A-Za-z0-9]{20,}"),
    ("GitHub token", "github_pat_", r"github_pat_\w{20,}"),
    ("GitLab token", "gl", r"gl(?:pat|ptt|dt|rt|cbt|ft|ffct|imt|agent|oas|soat|wt)-[\w.-]{16,}"),
    ("GitLab token", "gr1348941", r"GR1348941[\w-]{16,}"),
    ("GitLab session", "_gitlab_session=", r"_gitlab_session=(?P<secret>\w{20,})"),
    ("Bitbucket token", "at", r"AT(?:BB|CTT3)[\w=-]{20,}"),
    ("Bitbucket token", "bbdc-", r"BBDC-[A-Za-z0-9+/=]{24,}"),
    ("Atlassian token", "atatt", r"ATATT[\w=-]{40,}"),
    ("npm token", "npm_", r"npm_[A-Za-z0-9]{24,}"),
    ("PyPI token", "pypi-", r"pypi-Ag[\w-]{40,}"),
    ("RubyGems key", "rubygems_", r"rubygems_[0-9a-f]{32,}"),
    ("crates.io token", "cio", r"cio[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
    ("NuGet key", "oy2", r"oy2[a-z0-9]{43}(?![a-z0-9])"),
    ("Packagist token", "packagist_", r"packagist_[a-z]{3}_[0-9a-f]{28,}"),
    ("Clojars token", "clojars_", r"(?i:CLOJARS_)[a-z0-9]{40,}"),
    ("Docker token", "dckr_", r"dckr_[po]at_[\w-]{20,}"),
    ("Artifactory key", "akcp", r"AKCp[A-Za-z0-9]{50,}"),
    ("Artifactory token", "cmvmd", r"cmVmd[A-Za-z0-9]{50,}"),
    ("CircleCI token", "cci", r"CCI(?:PAT|PRJ)_[A-Za-z0-9_]{40,}"),
    ("Buildkite token", "bk", r"bk(?:ua|aa|aj|ar|ct|pt|pat|ps)_[\w-]{40,}"),
    ("Sonar token", "sq", r"sq[apu]_[0-9a-f]{40}"),
    ("Sourcegraph token", "sgp_", r"sgp_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40,}"),
    ("Postman key", "pma", r"PMA[KT]-[A-Za-z0-9-]{24,}"),
    ("Doppler token", "dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,}"),
    ("1Password token", "ops_eyj", r"ops_eyJ[A-Za-z0-9+/_=-]{40,}"),
    ("1Password secret key", "a3-", r"A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,5}"),
    ("Octopus key", "api-", r"API-[A-Z0-9]{26}(?![A-Z0-9])"),
    ("Harness token", "at.", r"[ps]at\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),
)

_SERVICES = _forms(
    ("Slack token", "xox", r"xox[abceoprsd]-[\w./%+=-]{10,}"),
    ("Slack token", "xoxe.xox", r"xoxe\.xox[bp]-[\w-]{20,}"),
    ("Slack token", "xapp-", r"xapp-\d-[\w-]{16,}"),
    ("Slack webhook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[\w/+-]{16,})"),
    ("Teams webhook", "webhook.office.com", r"[a-z0-9]+\.webhook\.office\.com/webhookb2/(?P<secret>[\w@/-]{30,})"),
    ("Discord webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/(?P<secret>\d+/[\w-]{30,})"),
    ("Discord bot token", ".", r"[MNO][A-Za-z\d_-]{23,25}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,}"),
    ("Telegram bot token", ":aa", r"(?:bot)?(?P<secret>\d{8,10}:AA[\w-]{32,})"),
    ("Stripe key", "k_", r"[srp]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
    ("Stripe webhook secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{20,}"),
    ("Twilio key", "sk|ac", r"(?:SK|AC)[0-9a-f]{32}(?![0-9a-f])"),
    ("SendGrid key", "sg.", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("Mailgun key", "key-", r"(?:pub)?key-[0-9a-f]{32}(?![0-9a-f])"),
    ("Mailchimp key", "-us", r"[0-9a-f]{32}-us\d{1,2}(?!\w)"),
    ("Brevo key", "xkeysib-", r"x(?:keysib|smtpsib)-[0-9a-f]{32,}-?[A-Za-z0-9]*"),
    ("Resend key", "re_", r"re_[1-9A-HJ-NP-Za-km-z]{8}_[1-9A-HJ-NP-Za-km-z]{16,}"),
    ("MailerSend token", "mlsn.", r"mlsn\.[A-Za-z0-9]{24,}"),
    ("Square token", "eaaa|sq0", r"(?:EAAA|sq0(?:atp|csp|idp)-)(?=[\w-]{0,80}\d)[\w-]{22,}"),
    ("PayPal or Braintree token", "access_token$", r"access_token\$[a-z]+\$[a-z0-9]+\$[0-9a-f]{16,}"),
    ("Plaid token", "access-", r"access-(?:sandbox|development|production)-" + _UUID),
    ("Razorpay key", "rzp_", r"rzp_(?:live|test)_[A-Za-z0-9]{12,}"),
    ("Flutterwave key", "flwseck", r"FLWSECK(?:_TEST)?-[A-Za-z0-9-]{12,}"),
    ("Shopify token", "shp", r"shp(?:at|ca|pa|ss|ua|ut)_[0-9a-fA-F]{24,}"),
    ("Facebook token", "eaa", r"EAA[A-Z][A-Za-z0-9]{80,}"),
    ("Twitter bearer token", "aaaaaaaaaaaaaaaaaaaa", r"A{20,22}[A-Za-z0-9%]{40,}"),
    ("Notion token", "ntn_", r"ntn_[A-Za-z0-9]{30,}"),
    ("Notion token", "secret_", r"secret_(?=[A-Za-z0-9]{0,80}\d)[A-Za-z0-9]{40,}"),
    ("Linear key", "lin_", r"lin_(?:api|oauth)_[A-Za-z0-9]{24,}"),
    ("Figma token", "fig", r"fig[duo][rh]?_[\w-]{30,}"),
    ("Airtable token", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{48,}"),
    ("Asana token", "/", r"[12]/\d{12,}(?:/\d{12,})?:[0-9a-f]{32}"),
    ("HubSpot token", "pat-", r"pat-(?:na|eu|ap)\d-" + _UUID),
    ("Salesforce session", "!", r"00[A-Za-z0-9]{13}![A-Za-z0-9._]{60,}"),
    ("Zoho token", "100", r"100[0-5]\.[0-9a-f]{32}\.[0-9a-f]{32}"),
    ("Adobe secret", "p8e-", r"p8e-[A-Za-z0-9_-]{30,}"),
    ("Sentry token", "sntry", r"sntry[su]_[A-Za-z0-9+/=_-]{30,}"),
    ("Sentry DSN", "sentry", r"https?://(?P<secret>[0-9a-f]{32}(?::[0-9a-f]{32})?)@[\w.-]*sentry"),
    ("New Relic key", "nr", r"NR(?:AK|JS|II|RA|AA|SP)-[A-Za-z0-9-]{16,}"),
    ("Grafana token", "gl", r"gl(?:sa|c)_[A-Za-z0-9+/_]{30,}={0,2}"),
    ("Grafana key", "eyjrijoi", r"eyJrIjoi[A-Za-z0-9+/]{40,}={0,2}"),
    ("Vault token", "hv", r"hv[sbr]\.[\w-]{20,}"),
    ("Vault token", "s.", r"(?<![\w./-])s\.(?=[A-Za-z0-9]{0,80}\d)(?=[A-Za-z0-9]{0,80}[A-Z])[A-Za-z0-9]{24}(?![\w.(])"),
    ("LaunchDarkly key", "-", r"(?:sdk|api|mob)-" + _UUID),
    ("EasyPost key", "ez", r"EZ[AT]K[A-Za-z0-9]{40,}"),
    ("Duffel token", "duffel_", r"duffel_(?:test|live)_[\w=-]{30,}"),
    ("Shippo token", "shippo_", r"shippo_(?:live|test)_[0-9a-fA-F]{32,}"),
    ("Browserbase key", "bb_", r"bb_(?:live|test)_[\w-]{16,}"),
    ("Apify token", "apify_api_", r"apify_api_[A-Za-z0-9]{20,}"),
    ("Pushover or Typeform token", "tfp_", r"tfp_[\w.=-]{40,}"),
    ("ReadMe key", "rdme_", r"rdme_[a-z0-9]{50,}"),
    ("Mapbox secret token", "sk.ey", r"sk\.eyJ[\w-]{20,}\.[\w-]{16,}"),
    ("MaxMind key", "_mmk", r"\w{6}_\w{24,}_mmk"),
    ("OneSignal token", "os_v2_", r"os_v2_(?:app|org)_[a-z2-7]{60,}"),
    ("PubNub key", "sub-c-", r"(?:sec-c-[A-Za-z0-9+/=]{40,}|sub-c-" + _UUID + ")"),
    ("Yandex key", "aqvn", r"AQVN[\w-]{30,}"),
    ("Age secret key", "age-secret-key-", r"(?i:AGE-SECRET-KEY-1)[A-Za-z0-9]{30,}"),
)

_GENERAL = _forms(
    ("JSON web token", "eyj", r"eyJ[\w-]{8,2000}\.eyJ[\w/+-]{8,}(?:\.[\w/+=-]*)?"),
    ("JSON web token", "eyj", r"eyJ[\w-]{16,2000}\.[\w-]{0,2000}\.[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"),
    ("JSON web token", "zxlk", r"ZXlK[A-Za-z0-9+/]{60,}={0,2}"),
    (
        "Password hash",
        "$",
        r"\$(?:1|2[abxy]|5|6|7|y|apr1|argon2(?:id|i|d)|krb5\w+|pbkdf2[\w-]*|scrypt)\$[\w./+=,$@:-]{20,}",
    ),
)

# Secrets that run over lines or hold blanks: looked for in the whole text, not in one unbroken run of characters.
BLOCKS = tuple(
    KeyFormat(name, tuple(hints.split("|")), form)
    for name, hints, form in (
        (
            "Private key", "private key",
            r"-{4,5}BEGIN[^-\n]{0,40}PRIVATE KEY(?: BLOCK)?-{4,5}"
            r"(?:[\s\S]{0,20000}?-{4,5}END[^-\n]{0,40}-{4,5}|[A-Za-z0-9+/=\s\\:,-]*)",
        ),
        ("Private key", "b3blbnnzac1rzxktdje", r"b3BlbnNzaC1rZXktdjE[A-Za-z0-9+/=\s\\]{40,}"),
        ("Private key", "private-lines", r"Private-Lines:\s*\d+(?P<secret>[A-Za-z0-9+/=\s\\]{40,})"),
        ("Private key", '"d', r'\\?"d\\?"\s*:\s*\\?"(?P<secret>[\w-]{40,})\\?"'),
    )
)  # fmt: skip

# What an issuer not listed calls its key: a name, the kind of key, then a run that mixes digits and letters.
_KINDS = "sk pat key api apikey token secret sec live prod oat sat svc priv".split()
_ISSUED = tuple(
    KeyFormat(
        "Issued key",
        (f"{kind}_", f"{kind}-"),
        rf"{_START}[a-z][a-z0-9]{{1,20}}[_-](?:(?:live|test|prod|v\d)[_-])?{kind}[_-](?:(?:live|test|prod|v\d)[_-])?"
        r"(?=[A-Za-z0-9]{0,80}\d)(?=[A-Za-z0-9]{0,80}[A-Za-z])(?![a-z]+\d{0,4}\b)[A-Za-z0-9]{20,}[\w=-]*",
    )
    for kind in _KINDS
)

KEY_FORMATS = (*_MODELS, *_CLOUD, *_FORGES, *_SERVICES, *_GENERAL, *_ISSUED)
