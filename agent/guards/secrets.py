"""Secrets: kept out of everything that is printed or written.

Two ways, for neither is enough alone. What the configuration or the environment calls a secret is
learnt when it is read, and masked wherever it turns up later: in an error of a server, a traceback,
the words of a program. And what has the form of a secret, as a password in an address has, is
masked though nobody has named it.
"""

import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

MASK = "********"

SHORTEST = 6
"""Characters: a shorter secret is masked where it stands, but not wherever else it turns up."""

PLACEHOLDERS = frozenset(
    ("ollama", "dummy", "secret", "password", "changeme", "lm-studio", "not-needed", "placeholder")
)
"""What people write where a local server wants a key and looks at none. Words, not secrets."""

_NAME = re.compile(
    r"(^|_)(key|auth|pat|sig|bearer)$|_pwd$"
    r"|(apikey|token|password|passwd|passphrase|secret|credentials?|authorization|cookie|signature)$"
)


def is_secret(name: str) -> bool:
    """Return whether the value of a key, variable, header or option of this name is a secret."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return _NAME.search(re.sub(r"[-.]", "_", words).lower()) is not None


# What has the form of a secret: `kept` is shown. Every repetition that may begin anywhere has a
# bound, so that a text of any length takes time in proportion.
_USER = re.compile(
    r"(?P<kept>://)"
    r"""(?P<secret>[^\s/:@"'<>]{0,100}:[^\s"'<>]{0,300}|[^\s/@"'<>]{1,300})(?=@)"""
)
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # ?key=…, --token=…, API_KEY=…
        r"(?P<kept>(?:key|token(?!s)|secret|passw\w{0,6}|\bpwd|\bauth|\bsig|credentials?|cookie)"
        r"""[\w.-]{0,20}=["']?)(?P<secret>(?!VALUE\b)[^\s"'&;,#<>]+)""",
        # --token …
        r"""(?P<kept>(?<![\w-])--?\w[\w-]{0,40}?(?:key|token|secret|password|passwd|auth)\s{1,9}["']?)"""
        r"""(?P<secret>(?!(?:FILE|KEY)\])[^\s"'-][^\s"']*)""",  # a usage names no secret
        # "Authorization: Bearer …", 'api_key': '…'
        r"(?P<kept>\b(?:authorization|(?:x-)?api[-_]?key|access[-_]token|password)"
        r"""["']?\s{0,3}:\s{0,3}["']?(?:(?:bearer|basic|token)\s{1,3})?)"""
        r"""(?P<secret>[^\s"',;}]{0,300}\d[^\s"',;}]*)""",
        r"(?P<kept>\b(?:bearer|basic)\s{1,3})"
        r"(?P<secret>(?=[\w.~+/=-]{0,300}\d)[\w.~+/=-]{8,})",
        # The keys of those who mark them: OpenAI, GitHub, GitLab, Slack, Hugging Face, Groq, AWS,
        # Google; and JSON Web Tokens.
        r"(?P<kept>\b)(?P<secret>[sprk]k-(?:[\w-]{20,}|(?=[\w-]{0,20}\d)[\w-]{8,})"
        r"|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{8,}"
        r"|hf_\w{16,}|gsk_\w{16,}|AKIA[0-9A-Z]{12,}|AIza[\w-]{20,}"
        r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})",
    )
)
_ASSIGNED = re.compile(r"(?P<kept>=).+", re.DOTALL)
_ANY_QUERY = re.compile(r"(?P<kept>[?&][^\s=&#]{1,80}=|#)(?P<secret>[^\s&#]+)")
_GLUED = re.compile(r"-[A-Za-z](?![a-z-]*$)")

_known: dict[str, str] = {}
"""Secrets that have been learnt, each with what is shown in its place."""
_pattern: list[re.Pattern[str]] = []
"""Finds any of them; made when it is asked for."""


def learn(secret: str, shown: str = MASK) -> None:
    """Show `shown` for `secret` from now on, in everything that `redact` sees."""
    # As it is, and as it is written in an address, in JSON and in Python.
    json_forms = (json.dumps(secret, ensure_ascii=ascii_) for ascii_ in (True, False))
    quoted = (form[1:-1] for form in (*json_forms, repr(secret)))
    for form in (secret, quote(secret, safe="", errors="replace"), unquote(secret), *quoted):
        if len(form) >= SHORTEST and form.lower() not in PLACEHOLDERS and MASK not in form:
            _known.setdefault(form, shown)
    _pattern.clear()


def forget() -> None:
    """Forget all that has been learnt."""
    _known.clear()
    _pattern.clear()


def learn_environment(environment: Mapping[str, str]) -> None:
    """Learn the values of the variables whose names are those of secrets, but for paths."""
    for name, value in environment.items():
        if is_secret(name) and not os.path.exists(value):
            learn(value)


def learn_settings(data: Any, key: str = "") -> None:
    """Learn the secrets of a configuration: of its keys, addresses and commands.

    Nothing has to be right about it: what a file with mistakes says is as secret.
    """
    match data:
        case Mapping():
            for name, value in data.items():
                learn_settings(value, str(name))
        case list():
            for before, value in zip(["", *data], data, strict=False):
                option = isinstance(before, str) and before.startswith("-") and is_secret(before)
                learn_settings(value, before if option else key)
        case str() | int() | float() if is_secret(key) and not isinstance(data, bool):
            learn(str(data))
        case str():
            _learn_parts(data)


def _learn_parts(text: str) -> None:
    """Learn the secrets within an address or an argument."""
    user, at, _ = text.partition("://")[2].rpartition("@")
    if at:
        name, _, password = user.partition(":")
        learn(password or name)
    for form in _FORMS:
        for found in form.finditer(text):
            learn(found["secret"])
    if _is_address(text):
        for found in _ANY_QUERY.finditer(text):
            learn(found[0][1:], f"{found['kept'][1:]}{MASK}")


def redact(text: str) -> str:
    """Return `text` without the secrets that are known and those that have the form of one."""
    if _known:
        if not _pattern:
            longest_first = sorted(_known, key=len, reverse=True)
            _pattern.append(re.compile("|".join(map(re.escape, longest_first))))
        text = _pattern[0].sub(lambda found: _known[found[0]], text)
    for form in (_USER, *_FORMS):
        text = form.sub(_masked, text)
    return text


def redacted(data: Any) -> Any:
    """Return plain data, such as an event's, with every string redacted."""
    match data:
        case str():
            return redact(data)
        case Mapping():
            return {redact(str(key)): redacted(value) for key, value in data.items()}
        case list() | tuple():
            return [redacted(value) for value in data]
    return data


def public(data: Any, key: str = "") -> Any:
    """Return the plain data of a configuration as it may be shown; it stands at `key`.

    Of a command the program and its options' names are shown, of an address the names in its query
    and not what is given for them: nobody can tell what of it is secret.
    """
    match data:
        case Mapping():
            return {name: public(value, str(name)) for name, value in data.items()}
        case list() if key == "command":
            return [*map(redact, data[:1]), *map(_argument, data[1:])]
        case list():
            return [public(value, key) for value in data]
        case _ if data and is_secret(key):
            return MASK
        case str():
            # Of an environment, names alone are asked for; somebody may have given a value.
            shown = _ASSIGNED.sub(_masked, data) if key == "environment" else redact(data)
            return _ANY_QUERY.sub(_masked, shown) if _is_address(shown) else shown
    return data


def _argument(argument: str) -> str:
    """An argument of a command as it may be shown."""
    option, given, _ = argument.partition("=")
    if not option.startswith("-") or len(option.split()) != 1:
        return MASK
    if (short := _GLUED.match(option)) is not None:  # -pSECRET; but -verbose is a name
        return f"{short[0]}{MASK}"
    return f"{option}={MASK}" if given else option


def _is_address(text: str) -> bool:
    return "://" in text and len(text.split()) == 1


def _masked(found: re.Match[str]) -> str:
    return f"{found['kept']}{MASK}"
