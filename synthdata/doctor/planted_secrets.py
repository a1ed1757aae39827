"""One invented secret of each family in a place where logs hold such, made at run time so that no scanner trips.

Every row names the family, the line of a log, and the secret in it: `{}` stands for the secret. What a letter of the
form stands for: A upper case and digits, a lower case and digits, x letters and digits, h hexadecimal, d digits.
"""

from __future__ import annotations

import random
import re
import string
from dataclasses import dataclass

_ALPHABETS = {
    "A": string.ascii_uppercase + string.digits,
    "a": string.ascii_lowercase + string.digits,
    "x": string.ascii_letters + string.digits,
    "h": "0123456789abcdef",
    "d": "123456789",
}
_PART = re.compile(r"\{([Aaxhd])(\d+)\}")
_UUID = "{h8}-{h4}-{h4}-{h4}-{h12}"
_KEYS = r"""
Anthropic|export ANTHROPIC_API_KEY=@|sk-|ant-api03-{x93}AA
Anthropic admin|curl -H "x-api-key: @" https://api.example/v1|sk-|ant-admin01-{x93}AA
OpenAI project|openai.api_key = '@'|sk-|proj-{x74}T3Blbk|FJ{x74}
OpenAI admin|{"OPENAI_ADMIN_KEY": "@"}|sk-|admin-{x58}T3Blbk|FJ{x58}
OpenAI service|key=@,|sk-|svcacct-{x74}T3Blbk|FJ{x74}
OpenAI of old|Incorrect API key provided: @.|sk-|{x20}T3Blbk|FJ{x20}
DeepSeek|client = OpenAI(api_key="@", base_url="x")|sk-|{h32}
OpenRouter|OPENROUTER=@|sk-|or-v1-{h64}
Hugging Face|huggingface-cli login --token @|hf|_{x34}
Groq|GROQ_API_KEY: @|gs|k_{x52}
Tavily|TavilyClient("@")|tv|ly-dev-{x32}
xAI|xai key @ was used|xa|i-{x80}
Perplexity|pplx: @|pp|lx-{x48}
Replicate|REPLICATE_API_TOKEN=@|r8|_{x37}
NVIDIA|nim @|nva|pi-{x64}
Langfuse|LANGFUSE_SECRET_KEY="@"|sk-|lf-UUID
LangSmith|LANGCHAIN_API_KEY=@|lsv2|_pt_{h32}_{h10}
Pinecone|pc = Pinecone(@)|pc|sk_{x6}_{x63}
Google|https://maps.example/json?key=@&q=1|AI|za{x35}
Google OAuth|access token @ expires|ya|29.{x100}
Google client secret|"client_secret":"@"|GOC|SPX-{x28}
AWS id|aws_access_key_id = @|AK|IA{A16}
AWS Bedrock|AWS_BEARER_TOKEN_BEDROCK=@|AB|SK{x132}=
Databricks|DATABRICKS_TOKEN=@|da|pi{h32}
DigitalOcean|doctl auth init -t @|do|p_v1_{h64}
Supabase|createClient(url, '@')|sb|p_{h40}
Vault|X-Vault-Token: @|hv|s.{x95}
Azure storage|AccountKey=@;EndpointSuffix=core.example|{x86}=|=
Azure SAS|https://a.blob.core.example/c?sv=2024-11-04&sig=@&se=1|{x42}|%3D
Azure client secret|AZURE: @|{x3}8Q|~{x34}
GitHub|git clone https://@@github.example/a/b|gh|p_{x36}
GitHub fine-grained|remote: token @ has expired|github|_pat_{x22}_{x59}
GitHub app|ghs @|gh|s_{x36}
GitLab|glab auth login -t @|gl|pat-{x20}
npm|//registry.example/:_authToken=@|np|m_{x36}
PyPI|password = @|py|pi-AgEIcHlwaS5vcmc{x80}
Docker|dckr @|dck|r_pat_{x27}
Slack bot|{"token":"@"}|xo|xb-{d12}-{d13}-{x24}
Slack app|SLACK_APP_TOKEN=@|xa|pp-1-A{A10}-{d13}-{h64}
Slack hook|POST https://hooks.sl!ack.com/services/@ 200|T{A8}/|B{A10}/{x24}
Stripe|stripe.api_key='@'|sk|_live_{x24}
Twilio|TWILIO @|S|K{h32}
SendGrid|SENDGRID=@|S|G.{x22}.{x43}
Telegram|bot @ started|{d10}:A|A{x33}
Notion|notion = Client(auth="@")|nt|n_{d11}{x35}
Linear|Authorization: @|lin|_api_{x40}
Age|# created, @|AGE-SECRET-|KEY-1{A58}
JSON web token|Cookie: t=@|ey|J{x33}.eyJ{x40}.{x43}
An issuer not listed|acme = @|acme|_live_key_{x32}
"""
_PLACES = r"""
AWS secret key|aws_secret_access_key = @|{x20}/{x19}
Bearer header|curl -H 'Authorization: Bearer @' https://x|{x40}
Basic header|> Authorization: Basic @|{x30}
curl -u|curl -u admin:@ https://x/api|{x9}!{x2}
Password in settings|DB_PASSWORD=@|{x6}#{x6}
Password in JSON|{"user": "root", "password": "@"}|{x10}
Password in YAML|db:\n  password: @\n  port: 1|{x5}!{x4}
PostgreSQL|postgresql://app:@@db.internal:5432/app|{x14}
MongoDB|mongodb+srv://app:@@c0.mongo.example/db|{x12}
Redis|redis://:@@cache:6379/0|{x18}
SQL Server|Server=tcp:x;User ID=sa;Password=@;Encrypt=1|{x9}$d2
MySQL client|mysql -u root -p@ shop|{x11}
Docker login|docker login -u me -p @|{x16}
Git over HTTPS|git push https://me:@@git.example/r.git|{x20}
netrc|machine x.example login me password @|{x12}
"""


@dataclass(frozen=True)
class PlantedSecret:
    """A line as it could stand in a log, the secret in it, and whether its form alone shows what it is."""

    family: str
    line: str
    secret: str
    by_form: bool


def planted_secrets(seed: int) -> list[PlantedSecret]:
    """One of each family and a private key: the same for the same seed."""
    rng = random.Random(seed)
    made = []
    for block, by_form in ((_KEYS, True), (_PLACES, False)):
        for row in block.strip().splitlines():
            family, line, form = row.split("|", 2)
            secret = _filled(form.replace("|", ""), rng)
            text = line.replace("!", "", 1) if family == "Slack hook" else line
            # Of two signs together the second is that of the address itself.
            made.append(PlantedSecret(family, text.replace("\\n", "\n").replace("@", secret, 1), secret, by_form))
    body = "\n".join(_filled("{x64}", rng) for _ in range(6))
    block = f"-----BEGIN OPENSSH PRIVATE {'KEY'}-----\n{body}\n-----END OPENSSH PRIVATE {'KEY'}-----"
    return [*made, PlantedSecret("Private key", f"$ cat id_ed25519\n{block}\n$", body, True)]


def _filled(form: str, rng: random.Random) -> str:
    """The form with every part filled: each holds a digit and a letter where its alphabet has both."""

    def part(match: re.Match[str]) -> str:
        alphabet, length = _ALPHABETS[match[1]], int(match[2])
        letters = rng.choices(alphabet, k=length)
        if match[1] == "x" and length > 4:
            letters[1:4] = rng.choice("BDFHKMRT"), rng.choice("bdfhkmrt"), rng.choice("2345678")
        return "".join(letters)

    return _PART.sub(part, form.replace("UUID", _UUID))
