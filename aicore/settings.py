"""Every setting there is, from `AICORE_*` environment variables: typed, limited, checked at the start.

Secrets are never shown: `masked` hides the password of a connection string, and no error repeats a value
that may hold one.
"""

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from aicore.addresses import check_dsn
from aicore.keys import named_keys
from bus.nats.address import FILES, parse_address, with_files

PREFIX = "AICORE_"
DSNS = ("postgres_dsn", "migrate_dsn", "writer_dsn", "projector_dsn", "relay_dsn")
NATS_FILES = tuple(f"nats_{name}" for name in FILES)
PATHS = ("state_dir", "model_dir", "engines_file", "content_file", "nats_keys", *NATS_FILES)
SECRET = frozenset({*DSNS, "nats_url", "http_key", "personal_key"})

OF_THE_PROCESS = frozenset(
    {
        "realm",
        "state_dir",
        "nats_keys",
        *NATS_FILES,
        "nats_port",
        "http_port",
        "http_host",
        "http_hosts",
        "log_level",
        "log_format",
        "pool_size_max",
    }
)
"""Settings of a process and its addresses; all others say what the system is like, whoever asks."""

HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?")

PERSONAL_KEY_DIGITS = 128
"""Hexadecimal digits of the key of personal data: 64 bytes, the longest key that AES-SIV takes."""

RETIRED = {"AICORE_GUARD_TIER": "use AICORE_GUARD_CLASSIFIER=tier:gold for the tier gold, and unset this"}
"""Settings of earlier versions, and what took their place."""

Component = Literal["commands", "queries", "inference", "relay", "projections"]


class SettingsError(ValueError):
    """One or more settings are wrong; each line names a variable, what it takes, and what to do."""


class Settings(BaseSettings):
    """The program's settings; each field is the variable ``AICORE_`` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    realm: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")] = Field(
        "demo",
        description="The game world whose log this is: a lower-case letter, then up to 30 of a-z, 0-9 and _.",
    )
    state_dir: Path = Field(
        Path(".state"), description="Directory of the embedded servers' data and of the run file."
    )
    postgres_dsn: str | None = Field(
        None,
        description="Your own PostgreSQL (16 or newer) as postgresql://user:password@host/database; "
        "components without a login of their own use this one. Without it an embedded server is started.",
    )
    migrate_dsn: str | None = Field(
        None,
        description="The same database, as the login that may make schemas and roles, for `aicore migrate`.",
    )
    writer_dsn: str | None = Field(
        None, description="The same database, as the login of commands and inference, which append events."
    )
    projector_dsn: str | None = Field(
        None, description="The same database, as the login of projections, which write the read models."
    )
    relay_dsn: str | None = Field(
        None, description="The same database, as the login of the relay, which publishes events."
    )
    nats_url: str | None = Field(
        None,
        description="Your own NATS server with JetStream (2.12 or newer) as nats://user:password@host:port, "
        "or several with commas between them; a password is percent-encoded. Without it an embedded server "
        "is started.",
    )
    nats_keys: Path | None = Field(
        None,
        description="Folder of nkeys for your own NATS: `identities` of the state directory in which `aicore "
        "nats permissions` was asked. Without it the address says who connects.",
    )
    nats_ca: Path | None = Field(
        None,
        description="Certificates (PEM) of the authorities that your NATS servers' are checked by; with it "
        "nothing is said in clear. Without it tls:// takes the system's.",
    )
    nats_cert: Path | None = Field(
        None, description="Our own certificate (PEM), where your NATS asks clients for one."
    )
    nats_cert_key: Path | None = Field(
        None, description="Its key (PEM, without a password); without it the key is in AICORE_NATS_CERT."
    )
    nats_creds: Path | None = Field(
        None,
        description="Credentials file (JWT and seed) of your NATS, which says who connects; not with "
        "AICORE_NATS_KEYS.",
    )
    nats_nkey: Path | None = Field(
        None,
        description="File with the seed of an nkey of your NATS; AICORE_NATS_URL names its identity, as in "
        "nats://service-market@host. Not with AICORE_NATS_KEYS.",
    )
    nats_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Loopback port of the embedded NATS; 0: a free one, kept over restarts.",
    )
    http_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Port of the OpenAI-compatible door; 0: with `aicore up` a free one, with `aicore "
        "run` none.",
    )
    http_host: str = Field("127.0.0.1", description="Address that the OpenAI-compatible door listens on.")
    http_key: SecretStr = Field(
        SecretStr(""),
        description="Keys that the OpenAI-compatible door takes, as name:key, several with commas between "
        "them, each of at least 16 characters. Without one a key is made and kept in AICORE_STATE_DIR.",
    )
    http_hosts: str = Field(
        "",
        description="Names under which the OpenAI-compatible door is asked, with commas between them; "
        "localhost and addresses in numbers need not be named.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line that is written: debug, info, warning or error."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="console (for people) or json (one object per line, for collectors)."
    )
    pool_size_max: int = Field(
        8, ge=2, le=64, description="Connections per pool and process to Postgres, 2 to 64."
    )
    model_dir: Path | None = Field(
        None, description="Folder of the model that the embedded engine serves; without it the shipped one."
    )
    engines_file: Path | None = Field(
        None,
        description="TOML file of engines and tiers; without it the embedded engine serves every tier.",
    )
    content_file: Path | None = Field(
        None, description="TOML file of characters, places and facts; without it the sample world's."
    )
    guard_classifier: Annotated[str, Field(pattern=r"^(embedded|tier:\S+)?$")] = Field(
        "",
        description="Who judges questions and sentences behind the rules: embedded (a small model in this "
        "process), tier:NAME (that tier's engines of the provider guard), or empty: nobody.",
    )
    lore_encoder: Annotated[str, Field(pattern=r"^(embedded)?$")] = Field(
        "embedded",
        description="What makes vectors of the lore's passages and of questions to it: embedded (a small "
        "model in this process, opened when there is lore), or empty: nothing, so names and words search.",
    )
    story_realiser: Annotated[str, Field(pattern=r"^(embedded)?$")] = Field(
        "",
        description="Whose words people say beside the written lines: embedded (a small model in this "
        "process; what no gate stops is said before a written line), or empty: the written lines alone.",
    )
    director: bool = Field(
        False,
        description="Whether the director plays the world's storylets for players in it: true or false.",
    )
    personal_key: SecretStr = Field(
        SecretStr(""),
        description="Key of 128 hexadecimal digits (`openssl rand -hex 64`) under which the words of "
        "personal data in violations are kept, for `aicore guardrails reveal`; empty: they are not kept.",
    )
    scorers: str = Field(
        "", description="Scorers of your own for evaluations: module:function, separated by commas."
    )
    inference_concurrent: int = Field(
        4, ge=1, le=1_024, description="Requests that are at the engines at a time, 1 to 1,024."
    )
    inference_waiting_max: int = Field(
        64, ge=0, le=100_000, description="Requests that may wait for an engine; more are refused at once."
    )
    inference_timeout_s: float = Field(
        30.0, ge=0.1, le=600, description="From a request's arrival to its answer, in seconds, 0.1 to 600."
    )
    bronze_concurrent: int = Field(
        2, ge=0, le=1_024, description="Items of batches that are worked on at a time; 0: none here."
    )
    inbox_mb_max: int = Field(
        64,
        ge=1,
        le=1_000_000,
        description="MB of commands that the inbox holds, set aside in JetStream. A full one refuses more.",
    )
    inbox_replicas: int = Field(
        1, ge=1, le=5, description="NATS servers that each keep the inbox, 1 to 5; 3 outlive the loss of one."
    )
    compare_per_s: int = Field(
        500,
        ge=10,
        le=1_000_000,
        description="Positions of JetStream that the relay compares with the log, per second, all day.",
    )
    player_requests_per_s: float = Field(
        10.0,
        ge=0,
        le=1e6,
        description="Inference requests of one player, per second, four times as many at once; 0: no limit.",
    )
    player_tokens_per_s: float = Field(
        500.0,
        ge=0,
        le=1e9,
        description="Tokens that one player may ask for, per second, four times as many at once; "
        "0: no limit.",
    )
    service_requests_per_s: float = Field(
        2_000.0,
        ge=0,
        le=1e6,
        description="Inference requests of one calling service, per second, four times as many at once; "
        "0: no limit.",
    )
    quota_requests_per_s: float = Field(
        2_000.0,
        ge=1,
        le=1e6,
        description="Requests of one identity to one process, per second, and as many at once.",
    )
    quota_mb_per_s: float = Field(
        16.0,
        ge=0.01,
        le=1e6,
        description="MB of requests of one identity to one process, per second, and a quarter of it at once.",
    )
    quota_in_flight: int = Field(
        512, ge=1, le=1_024, description="Requests of one identity that one process answers at the same time."
    )
    four_eyes: str = Field(
        "",
        description="Commands that take effect when a second operator confirms them, with commas between "
        "them, or all: of promotions, traffic and deployments with an override, policies of the guardrails "
        "and the optimiser, revealed words, the log's confirmation. Empty: none.",
    )
    four_eyes_minutes: int = Field(
        60, ge=1, le=10_080, description="How long such a command waits for a second operator, in minutes."
    )
    disk_free_mb_min: int = Field(
        512, ge=0, le=10**9, description="`aicore doctor` warns below this free space for the state, in MB."
    )
    clock_skew_ms_max: int = Field(
        250,
        ge=1,
        le=3_600_000,
        description="`aicore doctor` warns if our clock and Postgres's differ by more, in milliseconds.",
    )

    @field_validator(*PATHS, mode="before")
    @classmethod
    def _empty_is_the_default(cls, value: object, info: ValidationInfo) -> object:
        return cls.model_fields[str(info.field_name)].default if value == "" else value

    @field_validator("state_dir")
    @classmethod
    def _printable(cls, value: Path) -> Path:
        # initdb takes no line break, the run file nothing but text.
        if not str(value).isprintable():
            raise ValueError("must be printable text")
        return value

    @field_validator(*DSNS)
    @classmethod
    def _postgres(cls, value: str | None) -> str | None:
        if value is not None:
            check_dsn(value)
        return value

    @field_validator("nats_url")
    @classmethod
    def _nats(cls, value: str | None) -> str | None:
        if value is not None:
            parse_address(value)
        return value

    @field_validator(*NATS_FILES)
    @classmethod
    def _there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("there is no such file")
        return value

    @model_validator(mode="after")
    def _of_ones_own_nats(self) -> "Settings":
        """Refuse files for a server that is not named, and two things that say who connects."""
        given = [name for name in NATS_FILES if getattr(self, name)]
        if given and self.nats_url is None:
            raise ValueError(
                f"{PREFIX}{given[0].upper()}: is for the server of AICORE_NATS_URL; set that, too"
            )
        who = [name for name in ("nats_keys", "nats_creds", "nats_nkey") if getattr(self, name)]
        if len(who) > 1:
            raise ValueError(f"{PREFIX}{who[0].upper()} and {PREFIX}{who[1].upper()}: one says who connects")
        if self.nats_cert_key and not self.nats_cert:
            raise ValueError("AICORE_NATS_CERT_KEY: is of no use without AICORE_NATS_CERT")
        return self

    @property
    def nats_address(self) -> str | None:
        """The address of one's own NATS with the files that the settings name for it."""
        if self.nats_url is None:
            return None
        own = {name: getattr(self, f"nats_{name}") for name in FILES}
        return with_files(self.nats_url, {name: str(path.absolute()) for name, path in own.items() if path})

    @field_validator("http_key")
    @classmethod
    def _http_keys(cls, value: SecretStr) -> SecretStr:
        named_keys(value.get_secret_value())
        return value

    @field_validator("http_hosts")
    @classmethod
    def _names(cls, value: str) -> str:
        if wrong := [name for name in hosts_of(value) if not HOST_NAME.fullmatch(name)]:
            raise ValueError(f"{wrong[0][:60]!r} is no name of a host; a port is not part of it")
        return value

    @field_validator("personal_key")
    @classmethod
    def _personal(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(rf"([0-9a-fA-F]{{{PERSONAL_KEY_DIGITS}}})?", value.get_secret_value()):
            raise ValueError(f"must be {PERSONAL_KEY_DIGITS} hexadecimal digits, or empty")
        return value

    @field_validator("four_eyes")
    @classmethod
    def _declared(cls, value: str) -> str:
        wrong = sorted(set(hosts_of(value)) - {"all"} - _may_need_two())
        if wrong:
            there = ", ".join(sorted(_may_need_two()))
            raise ValueError(f"{wrong[0][:60]!r} needs no second operator; all, or of {there}")
        return value

    @property
    def confirmed_by_two(self) -> frozenset[str]:
        """Names of the commands that a second operator must confirm."""
        named = frozenset(hosts_of(self.four_eyes))
        return _may_need_two() if "all" in named else named

    @property
    def http_names(self) -> Sequence[str]:
        """Names under which the door may be asked."""
        return (*hosts_of(self.http_hosts), self.http_host.lower())

    def environment(self) -> dict[str, str]:
        """Return the settings as environment variables for a child process."""
        own = {"http_key", "personal_key", *DSNS} - {"postgres_dsn"}
        values = self.model_dump(mode="json", exclude_none=True, exclude=own)
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}

    @property
    def logins(self) -> dict[str, str]:
        """Return the connection string of each role that has one of its own."""
        said = {
            "aicore_writer": self.writer_dsn,
            "aicore_projector": self.projector_dsn,
            "aicore_relay": self.relay_dsn,
        }
        return {role: dsn for role, dsn in said.items() if dsn}

    def given(self) -> dict[str, Any]:
        """Return what was set, of that which commands beside the process need, as JSON; no secrets."""
        wanted = self.model_fields_set - SECRET - OF_THE_PROCESS
        found = self.model_dump(mode="json", include=wanted, exclude_none=True)
        # A relative path means the folder that the process was started in.
        paths = {
            name: str(value.absolute()) for name in found if isinstance(value := getattr(self, name), Path)
        }
        return {**found, **paths}

    def completed(self, given: Mapping[str, Any]) -> "Settings":
        """Return these settings with ``given`` for what they leave open; what is set here wins."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        return Settings(**{**given, **own})


def _may_need_two() -> frozenset[str]:
    """Return the names of the commands that are declared to need a second operator, if one is asked for."""
    from bus.catalogue import domain_catalogue  # noqa: PLC0415 - 0.2 s, for who asks for it alone

    commands = domain_catalogue().commands
    return frozenset(name for name, kind in commands.items() if kind.four_eyes)


def hosts_of(text: str) -> list[str]:
    """Return the names of a list with commas, in lower case."""
    return [name.strip().lower() for name in text.split(",") if name.strip()]


def load_settings() -> Settings:
    """Return the settings from the environment.

    Raises:
        SettingsError: naming every variable at fault, those with our prefix that are no settings among them.
    """
    faults = _unknown()
    try:
        settings = Settings()
    except ValidationError as error:
        faults += [_explained(fault) for fault in error.errors()]
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def _unknown() -> list[str]:
    """Return a sentence about each variable that is no setting: a guard asked for so would be missing."""
    known = [f"{PREFIX}{field.upper()}" for field in Settings.model_fields]
    faults: list[str] = []
    for name in sorted(map(str.upper, os.environ)):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            mend = RETIRED.get(name) or (f"did you mean {near[0]}?" if near else "unset it")
            faults.append(f"{name}: there is no such setting; {mend}")
    return faults


def _explained(fault: ErrorDetails) -> str:
    """Return one sentence about a setting: the variable, what is wrong, what it takes."""
    name = str(fault["loc"][0]) if fault["loc"] else ""
    field = Settings.model_fields.get(name)
    shown = "" if name in SECRET else f" (it is {str(fault['input'])[:60]!r})"
    wrong = str(fault["msg"]).removeprefix("Value error, ")
    if not name:  # about several: the input is all of them, secrets too
        return f"{wrong}."
    takes = f" It takes: {field.description}" if field else ""
    return f"{PREFIX}{name.upper()}{shown}: {wrong[:1].lower()}{wrong[1:]}.{takes}"
