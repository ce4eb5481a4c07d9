"""Values that may hold secrets. A secret is referred to, resolved when it is used, never shown.

    env:NAME                 an environment variable
    file:PATH                a file's content, without the line break at its end
    keyring:SERVICE/NAME     the system's keyring, with tieout[keyring]

A reference is a whole value, or stands inside of one: `postgresql://app:${env:PGPASSWORD}@db/x`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from tieout.config.findings import PRIVATE_KEY, SECRET_KEYS, Findings
from tieout.config.scalars import text
from tieout.config.tree import Fault, Node
from tieout.errors import ConfigError, MissingExtra, Problem

_WHOLE: Final = re.compile(r"(env|file|keyring):(.*)", re.DOTALL)
_INSIDE: Final = re.compile(r"\$\{(env|file|keyring):([^}]*)\}")

_USER_AND_PASSWORD: Final = re.compile(r"(?:^|//)[^/@\s]*:(?!//)[^@\s]+@")
"""Also where there is no scheme in front, or the password has a slash in it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A value as it was written, with the references in it.

    Attributes:
        text: safe to show: references stand in it, not what they refer to.
        where: path of the key, for errors.
        base: what relative paths in it are relative to.
    """

    text: str
    where: str = ""
    base: Path = field(default=Path(), compare=False)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def is_plain(self) -> bool:
        """Whether it refers to nothing."""
        return not _WHOLE.fullmatch(self.text) and not _INSIDE.search(self.text)

    def resolve(self) -> str:
        """The value itself; relative SQLite paths are made absolute. Do not show or log it.

        Raises:
            ConfigError: what it refers to is not there.
            MissingExtra: `keyring:` without tieout[keyring].
        """
        whole = _WHOLE.fullmatch(self.text)
        if whole is not None:
            return anchored(self._lookup(whole[1], whole[2]), self.base)
        is_url = "://" in self.text

        def inside(match: re.Match[str]) -> str:
            value = self._lookup(match[1], match[2])
            return quote(value, safe="") if is_url else value

        return anchored(_INSIDE.sub(inside, self.text), self.base)

    def _lookup(self, scheme: str, name: str) -> str:
        name = name.strip()
        if scheme == "env":
            value = self.environ.get(name)
            if value is None:
                what = f"the environment variable {name} is not set"
                raise self._missing(what, f"export {name}=…")
            return value
        if scheme == "file":
            path = self.base / name
            try:
                return path.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8"
                raise self._missing(f"the secret file {path} cannot be read: {reason}") from None
        return self._from_keyring(name)

    def _from_keyring(self, name: str) -> str:
        try:
            import keyring  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise MissingExtra("keyring", "a `keyring:` reference") from None
        service, _, user = name.rpartition("/")
        value = keyring.get_password(service, user)
        if value is None:
            raise self._missing(
                f"the keyring has no entry {user!r} for {service!r}",
                f"keyring set {service} {user}",
            )
        return str(value)

    def _missing(self, message: str, hint: str | None = None) -> ConfigError:
        return ConfigError((Problem(message, self.where, hint=hint),))


def anchored(url: str, base: Path) -> str:
    """`url` with the relative path of a SQLite database made absolute below `base`."""
    match = re.fullmatch(r"(sqlite(?:\+\w+)?:///)([^/?][^?]*)(\?.*)?", url, re.DOTALL)
    if match is None or match[2].startswith((":memory:", "file:")):
        return url
    return f"{match[1]}{(base / match[2]).resolve()}{match[3] or ''}"


def url(node: Node, findings: Findings) -> Reference:
    """A SQLAlchemy URL, or a reference to one. A password in clear is refused."""
    value = text(node, findings).strip()
    reference = Reference(value, node.path, findings.base, findings.environ)
    if whole := _WHOLE.fullmatch(value):
        if not whole[2].strip():
            raise Fault(node, f"`{whole[1]}:` refers to nothing", "e.g. `env:DATABASE_URL`")
        return reference
    if "://" not in value:
        raise Fault(
            node,
            "this is no database URL",
            "e.g. `sqlite:///tieout.db`, `postgresql+psycopg://host/db` or `env:DATABASE_URL`",
        )
    if _clear_secret(value):
        raise Fault(
            node,
            "a password stands here in clear",
            "refer to it: `env:DATABASE_URL` for the whole, or `…://user:${env:PGPASSWORD}@host/db`",
        )
    return reference


def credential(node: Node, findings: Findings) -> Reference:
    """A reference to a secret, and nothing else. A value in clear is refused."""
    value = text(node, findings).strip()
    name = node.path.rpartition(".")[2]
    whole = _WHOLE.fullmatch(value) or _INSIDE.fullmatch(value)
    if whole is None:
        hint = f"refer to it, e.g. `env:{name.upper()}` or `file:/run/secrets/{name}`"
        raise Fault(node, f"`{name}` stands here in clear", hint, key=True)
    if not whole[2].strip():
        raise Fault(node, f"`{whole[1]}:` refers to nothing", f"e.g. `env:{name.upper()}`")
    return Reference(value, node.path, findings.base, findings.environ)


def public(node: Node, findings: Findings) -> Reference:
    """What may stand in clear or be a reference: an address. A wallet's private key is refused."""
    value = text(node, findings).strip()
    if PRIVATE_KEY.search(value):
        hint = "an address is public and shorter; Tieout only reads, and needs no private key"
        raise Fault(node, "this looks like a private key", hint)
    whole = _WHOLE.fullmatch(value)
    if whole is not None and not whole[2].strip():
        raise Fault(node, f"`{whole[1]}:` refers to nothing", "e.g. `env:WALLET`")
    return Reference(value, node.path, findings.base, findings.environ)


def option(node: Node, findings: Findings) -> str | Reference:
    """A text as it stands, or a reference. A password in clear, of a proxy say, is refused."""
    value = str(node.value)
    whole = _WHOLE.fullmatch(value)
    if whole is not None and not whole[2].strip():
        raise Fault(node, f"`{whole[1]}:` refers to nothing", "e.g. `env:PROXY`")
    if _clear_secret(value) or _USER_AND_PASSWORD.search(_INSIDE.sub("", value)):
        hint = "refer to it: `env:PROXY` for the whole, or `http://user:${env:PROXY_PASSWORD}@host`"
        raise Fault(node, "a password stands here in clear", hint)
    reference = Reference(value, node.path, findings.base, findings.environ)
    return value if reference.is_plain else reference


def _clear_secret(value: str) -> bool:
    shown = _INSIDE.sub("", value)
    try:
        parts = urlsplit(shown)
        password = parts.password
    except ValueError:  # a malformed host; whoever opens it will say so
        return "@" in shown
    query = {name.lower() for name, each in parse_qsl(parts.query) if each}
    return bool(password) or any(name.endswith(SECRET_KEYS) for name in query)
