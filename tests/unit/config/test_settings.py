"""Settings: all documented, checked at start, told by name, never by value."""

import re
from pathlib import Path
from typing import Any

import pytest
from cencomm_config.errors import BadSettings
from cencomm_config.settings import ServerSettings, load, unknown_variables
from pydantic import SecretStr

DOCS = Path(__file__).parents[3] / "docs" / "settings.md"


def _default(name: str) -> str:
    value = ServerSettings.model_fields[name].default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value == ():
        return "none"
    return f"`{value}`"


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    rows = dict(re.findall(r"^\| `CENCOMM_([A-Z0-9_]+)` \|(.*)\|$", DOCS.read_text(), re.M))
    assert list(rows) == [name.upper() for name in ServerSettings.model_fields]
    for name, field in ServerSettings.model_fields.items():
        assert rows[name.upper()].strip() == f"{_default(name)} | {field.description}"


def test_defaults_are_usable_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load()
    assert (settings.host, settings.port, settings.embedded) == ("127.0.0.1", 8470, True)
    assert settings.origin_on(8470) == "http://127.0.0.1:8470"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "cencomm.toml"
    file.write_text('listen = "127.0.0.1:1"\nlogin_tries = 7\nargon2_threads = 3\n')
    monkeypatch.setenv("CENCOMM_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("CENCOMM_LOGIN_TRIES", "8")
    settings = load(data_dir=tmp_path, listen="127.0.0.1:3", origin=None)
    assert (settings.port, settings.login_tries, settings.argon2_threads) == (3, 8, 3)


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CENCOMM_ALLOWED_ORIGINS", "https://a.example, https://b.example:8443")
    monkeypatch.setenv("CENCOMM_PROXIES", "10.0.0.0/8,::1/128")
    settings = load()
    assert settings.allowed_origins == ("https://a.example", "https://b.example:8443")
    assert [str(network) for network in settings.proxies] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", "8470"),
        ("listen", "127.0.0.1:70000"),
        ("listen", "127.0.0.1:²"),
        ("origin", "https://a.example/path"),
        ("origin", "ftp://a.example"),
        ("allowed_origins", "a.example"),
        ("proxies", "ten"),
        ("store", "postgres://x"),
        ("store_database", "a.b"),
        ("challenge_ttl_s", 61),
        ("login_tries", 0),
        ("log_level", "loud"),
        ("tls_cert", "cert.pem"),
        ("session_idle_s", 300_000),
    ],
)
def test_a_bad_value_is_refused_by_the_settings_name(name: str, value: Any) -> None:
    with pytest.raises(BadSettings, match=name):
        load(**{name: value})


def test_an_unknown_key_in_the_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text('lisen = "127.0.0.1:1"\n')
    with pytest.raises(BadSettings, match="lisen"):
        load(file)


@pytest.mark.parametrize("content", ["listen =", "\x00", "[listen]\n"])
def test_a_broken_file_is_refused_by_name(content: str, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(content)
    with pytest.raises(BadSettings, match=r"x\.toml|listen"):
        load(file)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="does not exist"):
        load(tmp_path / "none.toml")


def test_the_stores_password_is_in_no_message_and_no_repr() -> None:
    settings = load(store="mongodb://user:hunter2@db.example/")
    assert "hunter2" not in repr(settings)
    with pytest.raises(BadSettings) as raised:
        load(store="mongo://user:hunter2@db.example/")
    assert "hunter2" not in str(raised.value)


def test_a_mistyped_variable_is_found() -> None:
    environ = {
        "CENCOMM_LISTEN": "",
        "CENCOMM_LISTN": "",
        "CENCOMM_TEST_MONGODB_URI": "",
        "HOME": "",
    }
    assert unknown_variables(environ) == ["CENCOMM_LISTN"]
