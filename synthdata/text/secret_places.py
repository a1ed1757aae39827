"""Places where a secret stands whatever it looks like: headers, addresses, options of commands, files of settings.

All are looked for in the text in small letters. One line a place: what stands before the secret, and what it may hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthdata.text.key_formats import compiled

PASSWORD, RANDOM = "Password", "Secret value"
_Q = r"\\?[\"']?"
_WORD = r"[^\s\"'\\]{3,}"
# A word may follow an escaped line end, whose last letter is no part of it.
_B = r"(?:\b|(?<=\\[nrt]))"
_BASE64 = r"[a-z0-9+/]{20,}={0,2}"


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where: `need`, which every match holds, `hints` of which it holds one, and what is searched for.

    The group `secret` of the expression has to go: of kind `Secret value` only what looks random, of other kinds all
    that is no placeholder. With `long` the secret is as long a run as keys of a fixed form stand in.
    """

    kind: str
    need: str
    hints: tuple[str, ...]
    expression: str
    long: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """The compiled expression, made at its first use."""
        return compiled(self.expression)


def _place(
    kind: str, hints: str, before: str, value: str = _WORD, after: str = "", *, need: str = "", long: bool = False
) -> SecretPlace:
    return SecretPlace(kind, need, tuple(hints.split(",")), f"{before}(?P<secret>{value}){after}", long)


def _option(program: str, option: str, value: str = _WORD, hints: str = "", *, need: str) -> SecretPlace:
    """An option of a program on one command line."""
    names = "|".join(program.split()).replace("_", r"\s+")
    before = rf"{_B}(?:{names})\b[^\n|;]{{0,400}}?\s{option}{_Q}"
    return _place(PASSWORD, hints or ",".join(program.split()), before, value, need=need)


_NAMED = r"(?:password|passphrase|passcode|api key|access key|secret key|token|pin code|secret)"

SECRET_PLACES = (
    # Headers and cookies.
    _place(
        "Authorization header", "authorization",
        r"authorization[\"'\\]*\s{0,2}[:=,]\s{0,2}[\"'\\]*"
        r"(?:bearer|basic|token|ssws|apikey|api-key|digest|negotiate|ntlm|key|aws4-hmac-sha256)[\s:]+",
        r"[^\s\"'\\,;)}<>]{6,}", need="auth",
    ),
    _place(RANDOM, "authorization", r"authorization[\"'\\]*\s{0,2}[:=]\s{0,2}[\"'\\]*", r"[^\s\"'\\,;)}<>]{16,}",
           need="auth"),
    _place(RANDOM, "bearer,basic", _B + r"(?:bearer|basic)\s+", r"[a-z0-9+/._~=-]{16,}", long=True),
    _place(
        RANDOM, "x-,-key,apikey,-token,cookie",
        r"(?:x-[a-z0-9-]{0,30}(?:key|token|secret|auth|signature|session)|api-key|apikey|subscription-key|"
        r"private-token|job-token|cookie)[\"'\\]*\s{0,2}[:=]\s{0,2}[\"'\\]*",
        r"[^\s\"'\\,;]{12,}",
    ),
    _place(
        RANDOM, "sess,sid,auth,token,jwt,csrf",
        r"(?:sess(?:ion)?|sid|auth|token|jwt|csrf)[\w-]{0,12}=", r"[a-z0-9%+/._~=-]{16,}",
        need="=", long=True,
    ),
    # Addresses and connection strings. A password may hold an @, or a slash where no port is meant.
    _place(
        "Password of an address", ":/,:\\/",
        r"(?<!\w)[a-z][a-z0-9+.-]{1,30}:(?:\\?/){2}[^\s/?#\"'<>@:\\]{0,100}:",
        r"[^\s/?#\"'<>\\]{1,200}|(?!\d{1,5}/)[^\s\"'<>\\]{1,200}?", r"@(?=[\w\[{$%])", need="@",
    ),
    _place(
        "Token of an address", ":/,:\\/",
        r"(?<!\w)[a-z][a-z0-9+.-]{1,30}:(?:\\?/){2}", r"[\w.~%+=-]{16,200}", r"@(?=[\w\[{$%])", need="@",
    ),
    _place(
        RANDOM, "?,&,;",
        r"[?&;](?:api[_-]?key|apikey|key|(?:access|auth|refresh|id)?[_-]?token|secret|client[_-]?secret|auth|code|"
        r"session(?:id)?|sid|jwt|credential)=",
        r"[^\s&#\"'<>\\;]{8,}", need="=",
    ),
    _place(PASSWORD, "?,&,;", r"[?&;]\s?(?:password|passwd|pwd|pass)=", r"[^\s&#\"'<>\\;]{3,}", need="="),
    _place(PASSWORD, "account,access,shared,pwd,password,secret",
           r"(?:(?:account|access|shared)[\s_]?key|pwd|password|sharedsecret|secret)\s?=\s?",
           r"[^\s;\"'<>&(]{4,}", r"(?=[;\"'])", need="="),
    _place(PASSWORD, ":5432:,:3306:,:1433:", r"[\w.*-]+:(?:5432|3306|1433):[\w*.-]+:[\w*.-]+:"),
    _option("sqlplus rman expdp impdp sqlldr", r"[\w.]{1,40}/", r"[^\s@\"'\\]{3,}(?=@)", need="@"),
    # Programs.
    _option("curl", r"(?:-u|--user|--proxy-user)[\s=]?\s{0,2}\\?[\"']?[^\s:\"'\\]{1,100}:", need="-u"),
    _option("wget", r"--(?:http-|ftp-|proxy-)?password[\s=]", need="password"),
    _option("http https", r"(?:-a|--auth)[\s=]\\?[\"']?[^\s:\"'\\]{1,100}:", hints="--auth,-a", need="http"),
    _option("mysql mysqldump mysqladmin mariadb mariadb-dump mycli", "-p", r"(?!\d+\b)[^\s\"'\\]{3,}",
            "mysql,maria,mycli", need="-p"),
    _option(
        "sshpass docker_login podman_login az_login helm_registry_login mongo mongosh mongodump mongorestore 7z unrar "
        "zip unzip psexec evil-winrm crackmapexec nxc netexec wmiexec.py",
        r"(?:-p|--password)[\s=]?", r"[^\s\"'\\-][^\s\"'\\]{2,}",
        "sshpass,login,mongo,7z,rar,zip,exec,winrm,nxc", need="-p",
    ),
    _option("redis-cli", r"(?:-a|--pass)[\s=]", need="-"),
    _option("smbclient rpcclient net_rpc", r"-u\s*\\?[\"']?[^\s%\"']{1,60}%", hints="smbclient,rpcclient,net",
            need="-u"),
    _option("net_use", r"/user:\S+\s+", r"[^\s\"'\\/*]{4,}", "net", need="/user:"),
    _option("htpasswd", r"-[a-z]*b[a-z]*\s+\S+\s+\S+\s+", need="-"),
    _place(PASSWORD, "chpasswd", r"[\"'\s][\w.-]{1,40}:", r"[^\s\"'|]{3,}", rf"{_Q}\s*\|\s*(?:sudo\s+)?chpasswd",
           need="|"),
    _place(PASSWORD, "sudo,--stdin,password-stdin", rf"{_B}echo\s+(?:-n\s+)?{_Q}", r"[^\s\"'\\|]{3,}",
           rf"{_Q}\s*\|[^\n|]{{0,120}}(?:sudo\s+-s|--stdin|--password-stdin)", need="|"),
    _place(PASSWORD, "pass:", r"-pass(?:in|out)?\s+pass:"),
    _place(PASSWORD, "pass", r"(?<![\w-])--[a-z-]{0,30}(?:password|passwd|passphrase|passcode)(?:=|\s+)" + _Q,
           r"[^\s\"'\\\-<\[{$][^\s\"'\\]{3,}", need="--"),
    _place(
        RANDOM, "key,secret,token",
        r"(?<![\w-])--[a-z-]{0,30}(?:api-?key|access-?key|secret(?:-key)?|private-key|account-key|token|-key)(?:=|\s+)"
        + _Q, r"[^\s\"'\\\-<\[{$][^\s\"'\\]{7,}", need="--",
    ),
    _place(PASSWORD, "identified", _B + r"identified\s+(?:with\s+\w+\s+)?by\s+(?:password\s+)?\\?[\"']"),
    _place(PASSWORD, "create,alter",
           _B + r"(?:create|alter)\s+(?:user|role|login)\b[^;\n]{0,200}?\bpassword\s*=?\s*n?\\?[\"']",
           need="password"),
    # Files of settings.
    _place(PASSWORD, "login", r"(?:machine\s+\S+(?:\s|\\n)+|(?:^|\n|\\n)\s*)login\s+\S+(?:\s|\\n)+password\s+",
           need="password"),
    _place(PASSWORD, "otpauth://", r"otpauth://[^\s\"']{0,300}?secret=", r"[a-z2-7=]{8,}", need="auth"),
    _place(PASSWORD, "-key-data", r"client-key-data:?\s*\\?[\"']?\s*:?\s*\\?[\"']?", r"[a-z0-9+/=]{40,}"),
    _place(PASSWORD, 'auth",auth\\",identitytoken',
           r"\\?\"(?:auth|identitytoken)\\?\"\s*:\s*\\?\"", r"[a-z0-9+/]{8,}={0,2}", r"\\?\""),
    _place(PASSWORD, "_auth", r"_auth(?:token)?\s*=\s*", r"[\w.+/=-]{16,}", need="="),
    _place(PASSWORD, "privatekey,presharedkey", _B + r"(?:privatekey|presharedkey)\s*=\s*", _BASE64, need="="),
    _place(PASSWORD, "kind: secret",
           r"kind: secret\b[^\0]{0,400}?\n\s*(?:string)?data:\s*\n\s+[\w.-]+:\s*", r"[\w+/=.!@#$%^&*-]{6,}"),
    _place(
        RANDOM, "login",
        _B + r"(?:wandb|hf|huggingface-cli|netlify|railway|fly(?:ctl)?|vercel|gh|heroku|neonctl|doctl)\s+(?:auth\s+)?"
        r"login\s+(?:--?[a-z-]{1,30}[\s=])?", r"[\w.-]{20,}",
    ),
    # What people write.
    _place(PASSWORD, "password,passphrase,pin,passcode",
           r"(?:password|passphrase|pin|passcode)\s+for\s+[^\s:]{1,60}\s?:[ \t]+",
           r"(?=[^\s]{0,80}\d)(?=[^\s]{0,80}[a-z])[^\s\"'`,]{6,80}", need="for"),
    _place(PASSWORD, "pass, key,token,pin code,secret",
           _NAMED + r"\s+(?:is|was|to|of|set to|=)(?:\s+now)?[:\s]+[\"'`]?",
           r"(?=[^\s\"'`]{0,80}\d)(?=[^\s\"'`]{0,80}[a-z])[^\s\"'`,]{6,80}?", r"(?=[\"'`,]|[.!?]?(?:\s|$))"),
    # A name and a long key beside it, as in tables and notes.
    _place(RANDOM, "key,token,secret,pat", rf"(?:key|token|secret|\bpat)\\?[\"'`]?[\s:=>|-]{{1,12}}{_Q}",
           r"(?=[a-z_+/.-]{0,40}\d)(?=[\d_+/.-]{0,40}[a-z])[a-z0-9_+/.-]{20,500}={0,2}", long=True),
)  # fmt: skip
