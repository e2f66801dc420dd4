"""Secrets taken out of whatever leaves for a screen, a file, a log or another process.

Servers repeat what they were sent, and links carry what they are signed with. Every rule on what a
secret looks like is written here, once, in three strengths:

    without_known     the tokens of this process alone: in names that are kept as they are, such as
                      the path of a file
    without_tokens    also what can be nothing else: JWTs, `Bearer …`, keys of known makes, the
                      query of signed links: in names and texts that are shown
    without_secrets   also what is called a token, a password and the like: in messages, logs,
                      crash reports and records of runs

`know` is told of every token where it comes into this process (`flow.credentials.Credential`).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from urllib.parse import quote

REMOVED = "[removed]"

TOKEN_VARIABLES = ("FLOW_ACCESS_TOKEN", "FLOW_API_TOKEN")
"""Variables of the environment that may hold a token: the guide's, then the official client's."""

SHORTEST = 8
"""Characters from which on a token is looked for: a shorter one is part of common words."""

MOST_KNOWN = 64
"""Tokens that are looked for; the oldest goes first. A session of weeks renews thousands."""

# Each is bounded, so that no text takes more than a pass: a log may have a line of a megabyte.
_TELLING = (
    r"[\w-]{0,40}(?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|credential"
    r"|signature|cookie)[\w-]{0,40}"
)
_SIGNING = rf"(?:{_TELLING}|sig|x-(?:amz|goog)-[\w-]{{1,40}}|awsaccesskeyid|policy|key-pair-id)"

_SIGNED = re.compile(rf"(?i)([?&]{_SIGNING}=)(?!\[removed\])[^\s&#\"'<>]+")

_TOKENS = (
    re.compile(r"()\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)*"),
    # `Basic Statistics` is what FastQC calls a table: a token of so many letters has a digit.
    re.compile(r"(?i)\b((?:bearer|basic)\s{1,4})(?=[a-z.~+/=_-]{0,200}\d)[\w.~+/=-]{16,}"),
    re.compile(r"()\b(?:(?:AKIA|ASIA)[A-Z0-9]{12,}|gh[opsu]_\w{20,}|glpat-[\w-]{16,})"),
    _SIGNED,
    re.compile(r"""(\w://)(?!\[removed\])[^\s/@"'\\]{1,200}(?=@)"""),
)
"""Each keeps its group 1, and loses the rest."""

_SECRETS = (
    re.compile(r"(?i)\b((?:bearer|basic)\s{1,4})(?!\[removed\])[\w.~+/=-]{8,}"),
    re.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s{0,4}[:=]\s{0,4}(?:\w{1,12}\s{1,4})?[\"']?)"
               r"(?!\[removed\])[\w.~+/=-]{8,}"),
    re.compile(rf"""(?i)(?<![\w-])({_TELLING}["']?\s{{0,4}}[=:]\s{{0,4}}b?(?P<q>["']))"""
               r"""(?!\[removed\])(?:(?!(?P=q)).){1,4000}"""),
    re.compile(
        rf"""(?i)(?<![\w-])({_TELLING}["']?(?:\s{{0,4}}[=:]\s{{0,4}}|\s{{1,4}}(?=[\w.~+/-]{{16}}))["']?)"""
        r"""(?!\[removed\])[^\s"',;&)}\]]+"""
    ),
    re.compile(r"(?i)\b(sig=)(?!\[removed\])[^\s\"',;&)}\]]+"),
)  # fmt: skip

_TOKEN_HINTS = ("eyj", "bearer", "basic", "akia", "asia", "gho_", "ghp_", "ghs_", "ghu_", "glpat-",
                "?", "&", "@")  # fmt: skip
_SECRET_HINTS = ("bearer", "basic", "authorization", "token", "secret", "passw", "passphrase",
                 "key", "credential", "signature", "cookie", "sig=")  # fmt: skip
"""In small letters, one of these is in every text that a pattern of `_TOKENS`, of `_SECRETS` fits.

Most names have none, and that is found out ten times as fast.
"""

SECRET_NAME = re.compile(rf"(?i){_TELLING}")
"""A name of a field whose value is a secret."""

_lock = threading.Lock()
_known: dict[str, bool] = {}


class _Known:
    """Some of the known tokens, as they are looked for."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
        # The longest first: one may be part of another.
        ordered = sorted(forms, key=len, reverse=True)
        # In either case: a host's name, in which one may stand, comes in small letters.
        self._pattern = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE)
        self._small = tuple(form.lower() for form in ordered)
        self._bytes = tuple(form.encode("utf-8", "surrogatepass") for form in self._small)

    def taken_out(self, text: str) -> str:
        return self._pattern.sub(REMOVED, text) if _has_any(text.lower(), self._small) else text

    def may_be_in(self, content: bytes) -> bool:
        small = content.lower()
        return any(form in small for form in self._bytes)


def _has_any(text: str, parts: tuple[str, ...]) -> bool:
    for part in parts:  # noqa: SIM110 - `any` takes twice as long, and every name comes by here
        if part in text:
            return True
    return False


_in_names = _anywhere = _Known()


def know(*secrets: str | None, in_names: bool = True) -> None:
    """Take these out of every text from now on, also as they are written in a link.

    `in_names` false: not of names that are kept as they are: a password may be part of one.
    """
    global _in_names, _anywhere  # noqa: PLW0603
    new = [secret for secret in secrets if secret and len(secret) >= SHORTEST]
    if all(_known.get(secret) is not None for secret in new):
        return
    with _lock:
        for secret in new:
            _known.pop(secret, None)
            _known[secret] = in_names
        while len(_known) > MOST_KNOWN:
            del _known[next(iter(_known))]
        _in_names = _Known(secret for secret, names in _known.items() if names)
        _anywhere = _Known(_known)


def forget_known() -> None:
    """Know of none, as a process that begins."""
    global _in_names, _anywhere  # noqa: PLW0603
    with _lock:
        _known.clear()
        _in_names = _anywhere = _Known()


def without_known(text: str) -> str:
    """`text` without the tokens of this process."""
    return _in_names.taken_out(text)


def without_tokens(text: str) -> str:
    """`text` without what can be nothing but a token or a signature."""
    text = without_known(text)
    return _without(_TOKENS, text) if _has_any(text.lower(), _TOKEN_HINTS) else text


def without_secrets(text: str) -> str:
    """`text` without tokens, and without what is called a token, a password or a signature."""
    text = without_tokens(_anywhere.taken_out(text))
    return _without(_SECRETS, text) if _has_any(text.lower(), _SECRET_HINTS) else text


def has_secret_query(url: str) -> bool:
    """Whether a link says by its query who may use it."""
    # Of 45,000 signed links each is asked about; it is rarely anything else that is found.
    return _SIGNED.search(url) is not None or without_tokens(url) != url


def _without(patterns: Iterable[re.Pattern[str]], text: str) -> str:
    for pattern in patterns:
        text = pattern.sub(lambda match: f"{match[1]}{REMOVED}", text)
    return text


LINKS = ("download_url",)
"""Fields of records that are no name but an address, which must stay what it is to be of use."""


def without_known_in(body: object, content: bytes) -> object:
    """A body of JSON, read from `content`, whose texts have no token of this process.

    Links stay as they are: they are never shown, and what is kept of them is for who keeps it.
    """
    is_escaped = b"\\u00" in content  # letters may be written so that no search finds them
    return _without_known_in(body) if is_escaped or _in_names.may_be_in(content) else body


def _without_known_in(value: object, name: object = None) -> object:
    if isinstance(value, str):
        return value if name in LINKS else without_known(value)
    if isinstance(value, dict):
        return {_without_known_in(key): _without_known_in(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_known_in(item) for item in value]
    return value
