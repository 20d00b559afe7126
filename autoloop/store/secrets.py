"""What counts as a secret, in an environment and in a config, and every form in which one may stand in text.

A secret is replaced by its name, ``<NAME>``. Where it stood in another form than its own (escaped by ``repr``
or JSON, quoted for a URL), or only a piece of it did, the mark says so: ``<NAME!r>``, ``<NAME[0:20]>``. So
what was hidden can be put back exactly as it was, by whoever has the secret.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Characters of a secret at the least: shorter values would blank out ordinary words."""

#: Characters of a piece that gives a secret away, and of the steps in which pieces are looked for.
_PIECE, _STEP = 10, 5
#: Values of which a piece says that it is one: long, and letters and digits mixed.
_RANDOM = re.compile(r"(?!/)(?=.*\d)(?=.*[A-Za-z])[\w+/=.~-]{20,}", re.ASCII)
#: Values that may also be a word of ours, or a name: nothing but these, or short.
_WORDLIKE = re.compile(r"\D*|.{0,15}", re.DOTALL)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset(
    [
        "key",
        "keys",
        "token",
        "tokens",
        "secret",
        "secrets",
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "passcode",
        "pass",
        "pwd",
        "pw",
        "pat",
        "auth",
        "credential",
        "credentials",
        "creds",
        "dsn",
        "webhook",
        "cookie",
    ]
)
_FUSED = re.compile(
    r"token(?!i[sz])|secret|passw|passphrase|credential"
    r"|(api|access|private|auth|sign|signing|encryption|master|license|service|account|storage)keys?$"
)
#: What stands last in the name of a variable that says where something is, not what it is.
_PLACES = frozenset(["path", "dir", "directory", "file", "home", "sock", "socket", "agent", "pid"])
_NO_SECRETS = frozenset(("PWD", "OLDPWD"))

#: Last words of a config's key that make its value a secret; ``key`` alone is too common a word there.
_CONFIG_WORDS = frozenset(
    [
        "apikey",
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "secret",
        "token",
        "pat",
        "auth",
        "authorization",
        "credential",
        "credentials",
        "dsn",
        "webhook",
    ]
)
_CONFIG_PAIRS = re.compile(
    r"(api|access|secret|private|auth|signing|encryption|account|service|license) key"
    r"|(database|db|postgres|mysql|mongo|redis|broker|webhook|connection) (url|uri|string)"
)
#: Tokens of language models, which are no secrets.
_MODEL_TOKENS = frozenset(
    [
        "pad",
        "bos",
        "eos",
        "unk",
        "mask",
        "sep",
        "cls",
        "start",
        "end",
        "special",
        "stop",
        "image",
        "audio",
        "video",
        "begin",
        "first",
        "last",
        "next",
        "prefix",
        "suffix",
        "decoder",
        "per",
        "action",
        "proprio",
        "query",
        "register",
        "class",
        "separator",
        "user",
        "assistant",
        "system",
    ]
)
_PASSWORD_IN_URL = re.compile(r"\w://[^\s/:@]*:([^\s/@]{3,})@|\w://([^\s/:@]{16,})@")
_ENVIRONMENT = re.compile(r"\$\{\s*oc\.env\s*:\s*['\"]?([^\s,}'\"]+)")
#: What stands there for a variable that is not set: within quotes, or without.
_DEFAULT = re.compile(r"""\$\{\s*oc\.env\s*:\s*[^\s,}]+\s*,\s*(?:['"]([^'"]*)['"]|([^\s,'"{}$]+))\s*\}""")
_OF_DEFAULT = ".default"


def looks_secret(name: str) -> bool:
    """Whether a variable of that name holds a secret: ``HF_TOKEN``, ``PGPASSWORD``; not ``MONKEY_HOME``."""
    words = _words(name)
    if name in _NO_SECRETS or not words or words[-1] in _PLACES:
        return False
    return any(word in _SECRET_WORDS or _FUSED.search(word) for word in words) or _is_address(words)


def key_is_secret(key: str) -> bool:
    """Whether a config calls so what is a secret: ``api_key``, ``db_password``; not ``pad_token``."""
    words = _words(key)
    if not words or (words[-1] == "token" and words[-2:-1] and words[-2] in _MODEL_TOKENS):
        return False
    return words[-1] in _CONFIG_WORDS or bool(_CONFIG_PAIRS.fullmatch(" ".join(words[-2:])))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _is_address(words: list[str]) -> bool:
    return bool(_CONFIG_PAIRS.fullmatch(" ".join(words[-2:])))


def of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The secrets among variables: name -> value. Of an address with a password in it, that one too."""
    found = {
        name: value
        for name, value in environment.items()
        if len(value) >= SHORTEST and (looks_secret(name) or _PASSWORD_IN_URL.search(value))
    }
    return {**found, **_passwords(found)}


def _passwords(found: Mapping[str, str]) -> dict[str, str]:
    """The passwords within addresses, by a name of their own."""
    inner = ((name, _PASSWORD_IN_URL.search(value)) for name, value in found.items())
    all_of = {f"{name}.password": match[1] or match[2] for name, match in inner if match}
    return {name: value for name, value in all_of.items() if len(value) >= SHORTEST}


def of_config(config: Any, environment: Mapping[str, str], path: str = "") -> dict[str, str]:
    """The secrets that a config names: path, or name of a variable -> value.

    Args:
        config: Plain dicts and lists, interpolations unresolved.
        environment: Where ``${oc.env:NAME}`` is looked up; below a secret's key any variable is one.
        path: Where in the config it stands.
    """
    if isinstance(config, Mapping | list | tuple):
        items = config.items() if isinstance(config, Mapping) else enumerate(config)
        inner = [of_config(item, environment, f"{path}.{key}" if path else str(key)) for key, item in items]
        return {name: value for one in inner for name, value in one.items()}
    found = dict(_values_in(config, environment, path)) if isinstance(config, str) else {}
    found = {**found, **_passwords(found)} if path and _named_secret(path) else _passwords(found)
    return {name: value for name, value in found.items() if len(value) >= SHORTEST}


def _values_in(text: str, environment: Mapping[str, str], path: str) -> Iterator[tuple[str, str]]:
    if "${" not in text:
        yield path, text
    for name in _ENVIRONMENT.findall(text):
        yield name, environment.get(name, "")
    for number, (quoted, bare) in enumerate(_DEFAULT.findall(text)):
        yield f"{path}{_OF_DEFAULT}{number or ''}", quoted or bare


def _named_secret(path: str) -> bool:
    """Whether the last key of a path, of a list's item that of the list, names a secret."""
    keys = [key for key in path.split(".") if not key.isdecimal()]
    return bool(keys) and key_is_secret(keys[-1].partition("@")[0])  # an edit: api_key@set


def as_written(resolved: Any, written: Any, key: str = "") -> Any:
    """A resolved config in which what asks the environment for a secret stays as it is written.

    Args:
        resolved: Plain dicts and lists.
        written: The same, unresolved.
        key: The key it stands under.
    """
    if isinstance(resolved, Mapping) and isinstance(written, Mapping):
        return {name: as_written(item, written.get(name), str(name)) for name, item in resolved.items()}
    if isinstance(resolved, list) and isinstance(written, list) and len(resolved) == len(written):
        return [as_written(item, other, key) for item, other in zip(resolved, written, strict=True)]
    if not isinstance(written, str) or "${" not in written:
        return resolved
    asks = _ENVIRONMENT.findall(written)
    return written if any(looks_secret(name) for name in asks) or key_is_secret(key) else resolved


def _shell(value: str) -> str:
    return shlex.quote(value)[1:-1] if shlex.quote(value) != value else value


def _repr(value: str) -> str:
    return repr(value)[1:-1]


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


#: The letter of a form in a mark -> what makes it of the secret.
_FORMS: Mapping[str, Callable[[str], str]] = {
    "r": _repr,
    "j": _json,
    "a": lambda value: json.dumps(value)[1:-1],
    "b": lambda value: value.replace("\\", "\\\\"),
    "d": lambda value: value.replace('"', '\\"'),
    "s": lambda value: value.replace("'", "\\'"),
    "e": lambda value: value.replace("\\", "\\\\").replace("'", "\\'"),
    "y": lambda value: value.replace("'", "''"),
    "h": _shell,
    "u": lambda value: quote(value, safe=""),
    "p": lambda value: quote(value),
    "f": quote_plus,
    "rr": lambda value: _repr(_repr(value)),
    "jj": lambda value: _json(_json(value)),
    "l": lambda value: value.replace("\r\n", "\n"),
    "t": str.strip,
}
_MARK = re.compile(r"<(?P<name>[^<>!\[\]\n]+)(?:!(?P<form>[a-z]{1,2})|\[(?P<start>\d+):(?P<end>\d+)\])?>")


@dataclass(frozen=True)
class Secrets:
    """Secrets by their names, ready to be looked for.

    Attributes:
        values: Name -> secret.
        marks: What may stand in a text -> what is written in its place.
        random: Secrets of which a piece says that it is one: (name, value).
        pattern: Finds all of ``marks``, of several that begin at one place the longest.
    """

    values: Mapping[str, str]
    marks: Mapping[str, str]
    random: tuple[tuple[str, str], ...]
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Secrets:
        """Get ready to look for these secrets."""
        return _prepared(tuple(values.items()))

    @property
    def strong(self) -> Secrets:
        """Those that can be no word of ours and no name."""
        return Secrets.of({name: value for name, value in self.values.items() if not is_wordlike(value)})

    def hide(self, text: str) -> str:
        """Return a text with every secret in it, whole or a telling piece, replaced by its mark."""
        if any(form in text for form in self.marks):
            text = self.pattern.sub(lambda found: self.marks[found.group()], text)
        for name, value in self.random:
            if len(text) >= _PIECE and any(step in text for step in _steps(value)):
                text = _without_pieces(text, name, value)
        return text

    def reveal(self, text: str) -> str:
        """Return a text in which every mark of a known secret is that secret again, in the form it had."""
        return _MARK.sub(lambda mark: self._behind(mark), text) if "<" in text else text

    def _behind(self, mark: re.Match[str]) -> str:
        value = self.values.get(mark["name"])
        if value is None:
            return mark.group()
        if mark["start"]:
            return value[int(mark["start"]) : int(mark["end"])]
        form = _FORMS.get(mark["form"]) if mark["form"] else str
        return form(value) if form else mark.group()


def unknown_marks(text: str) -> list[str]:
    """Names of the secrets that stand hidden in a text, as far as their names say that they are some."""
    names = (mark["name"] for mark in _MARK.finditer(text))
    return [name for name in names if looks_secret(name) or _named_secret(_whose(name))]


def _whose(name: str) -> str:
    """The key that a secret stands under, of one within another value too."""
    return re.sub(rf"({re.escape(_OF_DEFAULT)}\d*)?(\.password)?$", "", name)


def is_wordlike(value: str) -> bool:
    """Whether a secret reads like a word or a name, such as ``decisions`` or ``train/loss``."""
    return bool(_WORDLIKE.fullmatch(value))


@lru_cache(maxsize=16)
def _prepared(values: tuple[tuple[str, str], ...]) -> Secrets:
    marks: dict[str, str] = {}
    for name, value in values:
        for form, mark in _marks(name, value):
            marks.setdefault(form, mark)
    longest_first = sorted(marks, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
    random = tuple((name, value) for name, value in values if _RANDOM.fullmatch(value))
    return Secrets(dict(values), marks, random, pattern)


def _marks(name: str, value: str) -> Iterator[tuple[str, str]]:
    """Every form of a secret with its mark: the whole, escaped, quoted; each of several lines."""
    yield value, f"<{name}>"
    for letters, form in _FORMS.items():
        if len(form(value)) >= SHORTEST:
            yield form(value), f"<{name}!{letters}>"
    start = 0
    for line in value.splitlines(keepends=True) if "\n" in value.strip() else ():
        secret = line.rstrip("\r\n")
        if len(secret) >= SHORTEST and not secret.startswith("-----"):
            yield secret, f"<{name}[{start}:{start + len(secret)}]>"
        start += len(line)


@lru_cache(maxsize=256)
def _steps(value: str) -> tuple[str, ...]:
    """Parts of a secret, one of which stands in every piece of it that is long enough to tell."""
    return tuple(value[place : place + _STEP] for place in range(0, len(value) - _STEP + 1, _STEP))


def _without_pieces(text: str, name: str, value: str) -> str:
    parts: list[str] = []
    done = 0
    for begin, end, start in _pieces(text, value):
        parts += [text[done:begin], f"<{name}[{start}:{start + end - begin}]>"]
        done = end
    return "".join([*parts, text[done:]])


def _pieces(text: str, value: str) -> Iterator[tuple[int, int, int]]:
    """The pieces of a secret in a text: where each begins and ends, and where it begins in the secret."""
    done = 0
    found = re.compile("|".join(map(re.escape, dict.fromkeys(_steps(value)))))
    for match in found.finditer(text):
        if match.start() < done:
            continue
        fits = [_grown(text, value, match.start(), place) for place in _places(match.group(), value)]
        begin, end, start = max(fits, key=lambda one: one[1] - one[0])
        if end - begin >= _PIECE and begin >= done:
            yield begin, end, start
            done = end


def _places(part: str, value: str) -> Iterator[int]:
    place = value.find(part)
    while place >= 0:
        yield place
        place = value.find(part, place + 1)


def _grown(text: str, value: str, at: int, place: int) -> tuple[int, int, int]:
    """The longest piece of a secret around a place of a text where a part of it stands."""
    back = 0
    while at > back and place > back and text[at - back - 1] == value[place - back - 1]:
        back += 1
    ahead = _STEP
    while at + ahead < len(text) and place + ahead < len(value) and text[at + ahead] == value[place + ahead]:
        ahead += 1
    return at - back, at + ahead, place - back
