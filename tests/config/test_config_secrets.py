"""Secrets are references: resolved when used, never shown, and refused in clear."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from config_documents import SMALL, problems, small

from tieout.config import QueryOptions, Reference, parse
from tieout.config.findings import redact
from tieout.errors import ConfigError, MissingExtra


def url_of(text: str, base: Path, **environ: str) -> Reference:
    settings = parse(
        SMALL.replace("type: file, path: ours.csv", f"type: sql, url: '{text}', query: Q"),
        base,
        environ,
    )
    options = settings.sources["ours"].options
    assert isinstance(options, QueryOptions)
    assert "hunter2" not in repr(settings)
    return options.url


def test_a_whole_url_from_the_environment(tmp_path: Path) -> None:
    url = url_of("env:BOOK", tmp_path, BOOK="postgresql://a:hunter2@db/x")
    assert url.resolve() == "postgresql://a:hunter2@db/x"
    assert str(url) == "env:BOOK"


def test_a_relative_database_from_the_environment_is_relative_to_the_file(tmp_path: Path) -> None:
    assert url_of("env:BOOK", tmp_path, BOOK="sqlite:///b.db").resolve() == (
        f"sqlite:///{tmp_path}/b.db"
    )


def test_a_password_inside_of_a_url_is_escaped(tmp_path: Path) -> None:
    text = "postgresql+psycopg://app:${env:PW}@db/x"
    url = url_of(text, tmp_path, PW="p@ss/hunter2")
    assert url.resolve() == "postgresql+psycopg://app:p%40ss%2Fhunter2@db/x"
    assert str(url) == text


def test_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2\n")
    url = url_of("postgresql://app:${file:pw}@db/x", tmp_path)
    assert url.resolve() == "postgresql://app:hunter2@db/x"


def test_nothing_is_looked_up_before_it_is_used(tmp_path: Path) -> None:
    url = url_of("env:NOT_THERE", tmp_path)
    with pytest.raises(ConfigError, match=r"NOT_THERE is not set(?s:.*)sources\.ours\.url"):
        url.resolve()


def test_a_secret_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        url_of("file:pw", tmp_path).resolve()


def test_the_keyring_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = url_of("postgresql://app:${keyring:books/app}@db/x", tmp_path)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtra, match=r"tieout\[keyring\]"):
        url.resolve()
    entries = {("books", "app"): "hunter2"}
    ring = SimpleNamespace(get_password=lambda service, user: entries.get((service, user)))
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert url.resolve() == "postgresql://app:hunter2@db/x"
    with pytest.raises(ConfigError, match="no entry 'other' for 'books'"):
        url_of("keyring:books/other", tmp_path).resolve()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:hunter2@db/x",
        "postgresql+psycopg://:hunter2@db",
        "postgresql://db/x?user=app&password=hunter2",
        "mysql://a:hunter2${env:X}@db/x",
        "postgresql://a:hun/ter2@db/x?sslpassword=hunter2",
    ],
)
def test_a_password_in_clear_is_refused_and_not_repeated(url: str) -> None:
    for text in (
        small(document=f"store: {url}"),
        SMALL.replace("type: file, path: ours.csv", f"type: sql, query: Q, url: '{url}'"),
    ):
        with pytest.raises(ConfigError) as caught:
            parse(text, environ={})
        assert "a password stands here in clear" in str(caught.value)
        assert "${env:PGPASSWORD}" in str(caught.value)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", ["password", "api_key", "client_secret", "Token"])
def test_a_secret_key_in_clear_is_refused_and_not_repeated(key: str) -> None:
    [problem] = problems(small(f"{key}: hunter2"))
    assert "in clear" in problem.message
    assert "hunter2" not in f"{problem}"
    [reference] = problems(small(f"{key}: env:X"))
    assert "is no key of this source" in reference.message


def test_a_secret_is_not_shown_by_another_problem_of_its_line() -> None:
    text = SMALL.replace(
        "type: file, path: ours.csv",
        'type: sql, url: "postgresql://a:hunter2@db/x", querry: Q, password: "hunter2"',
    )
    assert "hunter2" not in "".join(map(str, problems(text)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a://u:pw@h", "a://u:***@h"),
        ("a://u:${env:X}@h", "a://u:${env:X}@h"),
        ("a://u:p/w@h", "a://u:***@h"),
        ("x: 'u:p@w@h:1', y: env:Y", "x: 'u:***@h:1', y: env:Y"),
        ("password: pw, x: 1", "password: ***, x: 1"),
        ("api_key: 'p w'", "api_key: ***"),
        ("secret: env:X", "secret: env:X"),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    assert redact(text) == shown
