"""All settings of the server on one page; docs/settings.md says the same and a test compares them.

Each is an environment variable `CENCOMM_<NAME>` or a key of the TOML file (`--config`, else
`<data_dir>/cencomm.toml` where there is one). Order: command line, environment, file, default.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from cencomm_config.errors import BadSettings

ENV_PREFIX = "CENCOMM_"
FILE_NAME = "cencomm.toml"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ServerSettings(BaseSettings):
    """What an operator may set; frozen, checked once at start."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    # where
    data_dir: Path = Field(
        Path("cencomm-data"),
        description="Folder made by `cencomm-server init`: key files, embedded store.",
    )
    listen: str = Field(
        "127.0.0.1:8470",
        description="Address and port to listen on; port 0 takes a free one and says which.",
    )
    origin: str | None = Field(
        None,
        description="The one address under which clients reach this server, `https://host[:port]`; "
        "every login signature names it. Default: made from `listen`.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Further browser origins that may open the live socket; `origin` always may. "
        "A comma between two.",
    )
    proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Networks (CIDR) of the reverse proxies whose X-Forwarded-For is believed. "
        "A comma between two.",
    )
    tls_cert: Path | None = Field(
        None, description="Certificate chain (PEM) when the server ends TLS itself; with `tls_key`."
    )
    tls_key: Path | None = Field(None, description="Private key (PEM) of `tls_cert`.")

    # the store
    store: SecretStr = Field(
        SecretStr("embedded"),
        description="`embedded`, or the `mongodb://` URI of a replica set. Never logged.",
    )
    store_database: str = Field(
        "cencomm",
        pattern=r"^[A-Za-z0-9_-]{1,38}$",
        description="Name of the database in the store.",
    )
    store_driver: Literal["motor", "pymongo"] = Field(
        "motor",
        description="What speaks to the store: `motor`, or `pymongo`, PyMongo's own asynchronous "
        "client, which succeeds it.",
    )
    embedded_program: Path = Field(
        Path(".embedded/secantusdb.scripts/secantusd-rs"),
        description="The embedded store's program, where `make setup` put it.",
    )
    embedded_cache_mb: int = Field(
        256, ge=64, le=65536, description="Cache of the embedded store, megabytes."
    )

    # sessions and accounts
    session_idle_s: int = Field(
        12 * 3600,
        ge=60,
        le=7 * 86400,
        description="A session unused for so many seconds ends.",
    )
    session_absolute_s: int = Field(
        72 * 3600, ge=60, le=30 * 86400, description="A session ends so many seconds after login."
    )
    challenge_ttl_s: int = Field(
        60, ge=5, le=60, description="Life of a login challenge, seconds; the protocol allows 60."
    )
    login_tries: int = Field(
        5, ge=1, le=100, description="Wrong secrets or codes per person within `login_window_s`."
    )
    login_window_s: int = Field(
        900, ge=1, le=86400, description="Window of `login_tries`, seconds."
    )
    login_tries_per_day: int = Field(
        30,
        ge=1,
        le=1000,
        description="Wrong secrets or codes per person within 24 hours, at least `login_tries`; "
        "then no more than a day's share.",
    )
    address_login_tries: int = Field(
        60,
        ge=1,
        le=100_000,
        description="Failed logins from one address within `login_window_s`, whoever they name; "
        "an IPv6 address counts as its /64.",
    )
    login_floor_ms: int = Field(
        400,
        ge=0,
        le=10_000,
        description="No failed login is answered sooner after its arrival, so that the time says "
        "nothing; above the time of one argon2id.",
    )
    argon2_threads: int = Field(
        2, ge=1, le=64, description="Threads that compute argon2id (64 MiB of memory each)."
    )
    argon2_queue: int = Field(
        64,
        ge=1,
        le=4096,
        description="Logins that may wait for a thread; others get too_busy.",
    )
    invitation_ttl_s: int = Field(
        7 * 86400, ge=60, le=90 * 86400, description="Life of an invitation, seconds."
    )
    invitations_per_person: int = Field(
        200, ge=1, le=10_000, description="Open invitations that one person may have made."
    )

    # limits
    max_json_bytes: int = Field(
        16 * 1024, ge=1024, le=1 << 20, description="Greatest JSON body, bytes; before parsing."
    )
    max_submission_bytes: int = Field(
        2 << 20,
        ge=64 * 1024,
        le=16 << 20,
        description="Greatest submitted entry with its wraps and shares, bytes; before parsing.",
    )
    max_connections: int = Field(
        20_000,
        ge=10,
        le=1_000_000,
        description="Connections at once, as far as the limit of open files goes; beyond it the "
        "one that has been silent longest is ended.",
    )
    max_sockets: int = Field(
        10_000, ge=1, le=1_000_000, description="Live sockets at once; further ones get too_busy."
    )
    socket_buffer_bytes: int = Field(
        64 * 1024,
        ge=16 * 1024,
        le=64 << 20,
        description="Bytes that may wait for one slow socket before it gets only `head` notices.",
    )
    address_rate_per_s: float = Field(
        50.0,
        gt=0,
        le=1e6,
        description="Requests and live connects a second from one address without a session; "
        "64 KiB of body count as one more.",
    )
    address_burst: int = Field(
        1000, ge=1, le=10_000_000, description="So many of these at once, after a pause."
    )
    device_rate_per_s: float = Field(
        250.0,
        gt=0,
        le=1e6,
        description="Requests and live appends a second from one device with a session; 64 KiB "
        "of body or answer count as one more.",
    )
    device_burst: int = Field(
        2500, ge=1, le=10_000_000, description="So many of these at once, after a pause."
    )
    limit_keys: int = Field(
        50_000,
        ge=100,
        le=10_000_000,
        description="Addresses and devices that are remembered for these limits; beyond it, "
        "newcomers share one allowance.",
    )
    rotations_per_hour: int = Field(
        60,
        ge=1,
        le=100_000,
        description="Rotations that one device may post in an hour; as many channels it may make, "
        "and holds set, where its person does not coordinate.",
    )

    hold_s: float = Field(
        0.0,
        ge=0,
        le=7 * 86_400,
        description="For so many seconds after the start no entry is taken: for the first start "
        "after a restore, so that members say first what the backup lacks.",
    )

    erase_after_s: float = Field(
        900.0,
        ge=0,
        le=30 * 86_400,
        description="Seconds from the moment at which an operation's bodies may be erased to the "
        "first that goes: longer than anybody reads at its log, or has a clock wrong.",
    )

    # watching
    metrics_listen: str | None = Field(
        None,
        description="Address and port for /metrics, /healthz and /readyz alone, without token and "
        "TLS: loopback, or a network that only the monitoring reaches.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        description="With it /metrics stands on `listen` too, for whoever sends it as Bearer; at "
        "least 32 characters. Never logged.",
    )

    # who may do what on the host
    single_operator: bool = Field(
        False,
        description="One operator alone may run dangerous commands (`export`, `logkey`); without "
        "it two named ones must stand behind each.",
    )

    # running
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level of the server's JSON log lines."
    )
    shutdown_grace_s: float = Field(
        10.0, ge=0, le=300, description="Time for running requests at SIGTERM, seconds."
    )

    @field_validator("allowed_origins", "proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("listen", "metrics_listen")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is None:
            return None
        host, colon, port = value.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError("expected HOST:PORT, for example 127.0.0.1:8470 or [::1]:8470")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        text = "x" * 32 if value is None else value.get_secret_value()
        if len(text) < 32 or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("expected at least 32 printable ASCII characters without blanks")
        return value

    @field_validator("origin", "allowed_origins")
    @classmethod
    def _plain_origin(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for origin in (value,) if isinstance(value, str) else value or ():
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or f"{parts.scheme}://{parts.netloc}" != origin
            ):
                raise ValueError("expected scheme://host[:port] without path, http or https")
        return value

    @field_validator("store")
    @classmethod
    def _known_store(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text != "embedded" and not text.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("expected `embedded` or a mongodb:// URI")
        return value

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key are set together or not at all")
        if self.session_idle_s > self.session_absolute_s:
            raise ValueError("session_idle_s is at most session_absolute_s")
        return self

    @property
    def host(self) -> str:
        """Address part of `listen`, without the brackets of IPv6."""
        return host_and_port(self.listen)[0]

    @property
    def port(self) -> int:
        """Port part of `listen`; 0 asks for a free one."""
        return host_and_port(self.listen)[1]

    @property
    def embedded(self) -> bool:
        """Whether the store is the child process on this machine."""
        return self.store.get_secret_value() == "embedded"

    def origin_on(self, port: int) -> str:
        """`origin`, or the address that follows from `listen` once the port is known."""
        if self.origin is not None:
            return self.origin
        scheme = "https" if self.tls_cert else "http"
        host = self.listen.rpartition(":")[0]
        return f"{scheme}://{host}:{port}"


def host_and_port(listen: str) -> tuple[str, int]:
    """The two parts of a checked HOST:PORT, the host without the brackets of IPv6."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def load(config: Path | None = None, **overrides: Any) -> ServerSettings:
    """Read all sources; `overrides` (command line) win, those that are None do not count.

    Raises BadSettings with one sentence that names each wrong setting; never shows a value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    path = config or _default_file(given)
    if config is not None and not config.is_file():
        raise BadSettings(f"the settings file {config} does not exist")

    class Loaded(ServerSettings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    try:
        return Loaded(**given)
    except ValidationError as error:
        raise BadSettings("; ".join(map(_complaint, error.errors()))) from None
    except (SettingsError, ValueError) as error:
        raise BadSettings(f"{path}: {error}") from None


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Names in the environment that look like settings and are none: a typing error shows here."""
    known = {ENV_PREFIX + name.upper() for name in ServerSettings.model_fields}
    return sorted(
        name
        for name in environ
        if name.startswith(ENV_PREFIX) and name not in known and not name.startswith(_OTHERS)
    )


_OTHERS = (
    "CENCOMM_TEST_",
    "CENCOMM_BENCH_",
    "CENCOMM_CLIENT_",
)  # read by tests, benches and clients, not by the server


def _default_file(given: dict[str, Any]) -> Path:
    data_dir = given.get("data_dir") or os.environ.get(ENV_PREFIX + "DATA_DIR")
    return Path(str(data_dir or ServerSettings.model_fields["data_dir"].default)) / FILE_NAME


def _complaint(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"]) or "settings"
    return f"{name}: {error['msg'].removeprefix('Value error, ')}"
