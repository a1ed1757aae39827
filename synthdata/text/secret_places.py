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
    """Where: `hints` of which the text must hold one, and the expression, whose group `secret` has to go.

    Of kind `Secret value` only what looks random counts, of other kinds all that is no placeholder.
    """

    kind: str
    hints: tuple[str, ...]
    expression: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The compiled expression, made at its first use."""
        return compiled(self.expression)


def _place(kind: str, hints: str, before: str, value: str = _WORD, after: str = "") -> SecretPlace:
    return SecretPlace(kind, tuple(hints.split(",")), f"{before}(?P<secret>{value}){after}")


def _option(program: str, option: str, value: str = _WORD, hints: str = "") -> SecretPlace:
    """An option of a program on one command line."""
    names = "|".join(program.split()).replace("_", r"\s+")
    return _place(
        PASSWORD, hints or ",".join(program.split()), rf"{_B}(?:{names})\b[^\n|;]{{0,400}}?\s{option}{_Q}", value
    )


_NAMED = r"(?:password|passphrase|passcode|api key|access key|secret key|token|pin code|secret)"

SECRET_PLACES = (
    # Headers and cookies.
    _place(
        "Authorization header", "authorization",
        r"authorization[\"'\\]*\s{0,2}[:=,]\s{0,2}[\"'\\]*"
        r"(?:bearer|basic|token|ssws|apikey|api-key|digest|negotiate|ntlm|key|aws4-hmac-sha256)[\s:]+",
        r"[^\s\"'\\,;)}<>]{6,}",
    ),
    _place(RANDOM, "authorization", r"authorization[\"'\\]*\s{0,2}[:=]\s{0,2}[\"'\\]*", r"[^\s\"'\\,;)}<>]{16,}"),
    _place(RANDOM, "bearer,basic", _B + r"(?:bearer|basic)\s+", r"[a-z0-9+/._~=-]{16,}"),
    _place(
        RANDOM, "key,token,secret,auth,cookie",
        r"(?:x-[a-z0-9-]{0,30}(?:key|token|secret|auth|signature|session)|api-key|apikey|subscription-key|"
        r"private-token|job-token|cookie)[\"'\\]*\s{0,2}[:=]\s{0,2}[\"'\\]*",
        r"[^\s\"'\\,;]{12,}",
    ),
    _place(
        RANDOM, "sess,sid,auth,token,jwt,csrf",
        r"(?:sess(?:ion)?|sid|auth|token|jwt|csrf)[\w-]{0,12}=", r"[a-z0-9%+/._~=-]{16,}",
    ),
    # Addresses and connection strings. A password may hold an @, or a slash where no port is meant.
    _place(
        "Password of an address", "://,:\\/\\/",
        r"(?<!\w)[a-z][a-z0-9+.-]{1,30}:(?:\\?/){2}[^\s/?#\"'<>@:\\]{0,100}:",
        r"[^\s/?#\"'<>\\]{1,200}|(?!\d{1,5}/)[^\s\"'<>\\]{1,200}?", r"@(?=[\w\[{$%])",
    ),
    _place(
        "Token of an address", "://,:\\/\\/",
        r"(?<!\w)[a-z][a-z0-9+.-]{1,30}:(?:\\?/){2}", r"[\w.~%+=-]{16,200}", r"@(?=[\w\[{$%])",
    ),
    _place(
        RANDOM, "?,&",
        r"[?&;](?:api[_-]?key|apikey|key|(?:access|auth|refresh|id)?[_-]?token|secret|client[_-]?secret|auth|code|"
        r"session(?:id)?|sid|jwt|credential)=",
        r"[^\s&#\"'<>\\;]{8,}",
    ),
    _place(PASSWORD, "?,&,;", r"[?&;]\s?(?:password|passwd|pwd|pass)=", r"[^\s&#\"'<>\\;]{3,}"),
    _place(PASSWORD, "key,pwd,password,secret",
           r"(?:(?:account|access|shared)[\s_]?key|pwd|password|sharedsecret|secret)\s?=\s?",
           r"[^\s;\"'<>&(]{4,}", r"(?=[;\"'])"),
    _place(PASSWORD, ":5432:,:3306:,:1433:", r"[\w.*-]+:(?:5432|3306|1433):[\w*.-]+:[\w*.-]+:"),
    _option("sqlplus rman expdp impdp sqlldr", r"[\w.]{1,40}/", r"[^\s@\"'\\]{3,}(?=@)"),
    # Programs.
    _option("curl", r"(?:-u|--user|--proxy-user)[\s=]?\s{0,2}\\?[\"']?[^\s:\"'\\]{1,100}:"),
    _option("wget", r"--(?:http-|ftp-|proxy-)?password[\s=]"),
    _option("http https", r"(?:-a|--auth)[\s=]\\?[\"']?[^\s:\"'\\]{1,100}:", hints="--auth, -a "),
    _option("mysql mysqldump mysqladmin mariadb mariadb-dump mycli", "-p", r"(?!\d+\b)[^\s\"'\\]{3,}",
            "mysql,maria,mycli"),
    _option(
        "sshpass docker_login podman_login az_login helm_registry_login mongo mongosh mongodump mongorestore 7z unrar "
        "zip unzip psexec evil-winrm crackmapexec nxc netexec wmiexec.py",
        r"(?:-p|--password)[\s=]?", r"[^\s\"'\\-][^\s\"'\\]{2,}",
        "sshpass,login,mongo,7z,rar,zip,exec,winrm,nxc",
    ),
    _option("redis-cli", r"(?:-a|--pass)[\s=]"),
    _option("smbclient rpcclient net_rpc", r"-u\s*\\?[\"']?[^\s%\"']{1,60}%", hints="smbclient,rpcclient,net rpc"),
    _option("net_use", r"/user:\S+\s+", r"[^\s\"'\\/*]{4,}", "net use"),
    _option("htpasswd", r"-[a-z]*b[a-z]*\s+\S+\s+\S+\s+"),
    _place(PASSWORD, "chpasswd", r"[\"'\s][\w.-]{1,40}:", r"[^\s\"'|]{3,}", rf"{_Q}\s*\|\s*(?:sudo\s+)?chpasswd"),
    _place(PASSWORD, "sudo -s,--stdin,password-stdin", rf"{_B}echo\s+(?:-n\s+)?{_Q}", r"[^\s\"'\\|]{3,}",
           rf"{_Q}\s*\|[^\n|]{{0,120}}(?:sudo\s+-s|--stdin|--password-stdin)"),
    _place(PASSWORD, "pass:", r"-pass(?:in|out)?\s+pass:"),
    _place(PASSWORD, "--", r"(?<![\w-])--[a-z-]{0,30}(?:password|passwd|passphrase|passcode)(?:=|\s+)" + _Q,
           r"[^\s\"'\\\-<\[{$][^\s\"'\\]{3,}"),
    _place(
        RANDOM, "--",
        r"(?<![\w-])--[a-z-]{0,30}(?:api-?key|access-?key|secret(?:-key)?|private-key|account-key|token|-key)(?:=|\s+)"
        + _Q, r"[^\s\"'\\\-<\[{$][^\s\"'\\]{7,}",
    ),
    _place(PASSWORD, "identified", _B + r"identified\s+(?:with\s+\w+\s+)?by\s+(?:password\s+)?\\?[\"']"),
    _place(PASSWORD, "password",
           _B + r"(?:create|alter)\s+(?:user|role|login)\b[^;\n]{0,200}?\bpassword\s*=?\s*n?\\?[\"']"),
    # Files of settings.
    _place(PASSWORD, "password", r"(?:machine\s+\S+(?:\s|\\n)+|(?:^|\n|\\n)\s*)login\s+\S+(?:\s|\\n)+password\s+"),
    _place(PASSWORD, "otpauth://", r"otpauth://[^\s\"']{0,300}?secret=", r"[a-z2-7=]{8,}"),
    _place(PASSWORD, "-key-data", r"client-key-data:?\s*\\?[\"']?\s*:?\s*\\?[\"']?", r"[a-z0-9+/=]{40,}"),
    _place(PASSWORD, "auth", r"\\?\"(?:auth|identitytoken)\\?\"\s*:\s*\\?\"", r"[a-z0-9+/]{8,}={0,2}", r"\\?\""),
    _place(PASSWORD, "_auth", r"_auth(?:token)?\s*=\s*", r"[\w.+/=-]{16,}"),
    _place(PASSWORD, "privatekey,presharedkey", _B + r"(?:privatekey|presharedkey)\s*=\s*", _BASE64),
    _place(PASSWORD, "kind: secret",
           r"kind: secret\b[^\0]{0,400}?\n\s*(?:string)?data:\s*\n\s+[\w.-]+:\s*", r"[\w+/=.!@#$%^&*-]{6,}"),
    _place(
        RANDOM, "login",
        _B + r"(?:wandb|hf|huggingface-cli|netlify|railway|fly(?:ctl)?|vercel|gh|heroku|neonctl|doctl)\s+(?:auth\s+)?"
        r"login\s+(?:--?[a-z-]{1,30}[\s=])?", r"[\w.-]{20,}",
    ),
    # What people write.
    _place(PASSWORD, "for", r"(?:password|passphrase|pin|passcode)\s+for\s+[^\s:]{1,60}\s?:[ \t]+",
           r"(?=[^\s]{0,80}\d)(?=[^\s]{0,80}[a-z])[^\s\"'`,]{6,80}"),
    _place(PASSWORD, "key,token,secret,pass,pin", _NAMED + r"\s+(?:is|was|to|of|set to|=)(?:\s+now)?[:\s]+[\"'`]?",
           r"(?=[^\s\"'`]{0,80}\d)(?=[^\s\"'`]{0,80}[a-z])[^\s\"'`,]{6,80}?", r"(?=[\"'`,]|[.!?]?(?:\s|$))"),
    # A name and a long key beside it, as in tables and notes.
    _place(RANDOM, "key,token,secret,pat", rf"(?:key|token|secret|\bpat)\\?[\"'`]?[\s:=>|-]{{1,12}}{_Q}",
           r"(?=[a-z_+/.-]{0,40}\d)(?=[\d_+/.-]{0,40}[a-z])[a-z0-9_+/.-]{20,500}={0,2}"),
)  # fmt: skip
