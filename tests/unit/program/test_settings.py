"""Settings from the environment: defaults, and errors that say what to do and never a secret."""

from pathlib import Path

import pytest

from aicore.addresses import masked
from aicore.settings import DSNS, PERSONAL_KEY_DIGITS, Settings, SettingsError, load_settings
from bus.nats.address import parse_address


def test_without_any_variable_the_defaults_hold() -> None:
    settings = load_settings()

    assert settings.realm == "demo"
    assert settings.postgres_dsn is None


@pytest.mark.parametrize("name", ["state_dir", "model_dir", "engines_file", "content_file"])
def test_an_empty_path_is_none_given(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(f"AICORE_{name.upper()}", raising=False)
    without = load_settings()
    monkeypatch.setenv(f"AICORE_{name.upper()}", "")

    assert load_settings() == without


def test_every_setting_is_documented() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_an_error_names_variable_value_and_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICORE_REALM", "Not A Realm")
    monkeypatch.setenv("AICORE_NATS_PORT", "70000")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    realm, port = str(caught.value).splitlines()
    assert "AICORE_REALM" in realm
    assert "'Not A Realm'" in realm
    assert "lower-case letter" in realm
    assert "AICORE_NATS_PORT" in port
    assert "65535" in port


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("AICORE_GUARD_TIER", "use AICORE_GUARD_CLASSIFIER=tier:gold"),
        ("AICORE_GUARD_CLASIFIER", "did you mean AICORE_GUARD_CLASSIFIER?"),
        ("aicore_relm", "did you mean AICORE_REALM?"),
        ("AICORE_XYZZY", "unset it"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_beside_the_others(
    monkeypatch: pytest.MonkeyPatch, name: str, mend: str
) -> None:
    """One that was renamed was ignored, and nobody judged any more."""
    monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("AICORE_NATS_PORT", "70000")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    unknown, port = str(caught.value).splitlines()
    assert unknown.startswith(f"{name.upper()}: there is no such setting")
    assert mend in unknown
    assert "hunter2" not in unknown
    assert "AICORE_NATS_PORT" in port


def test_what_tls_takes_is_the_connection_strings_and_its_password_is_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls = "sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/client.pem&sslkey=/client.key"
    monkeypatch.setenv("AICORE_WRITER_DSN", f"postgresql://w:hunter2@h/db?{tls}&sslpassword=hunter2")

    writer = load_settings().logins["aicore_writer"]

    assert tls in writer
    assert masked(writer) == f"postgresql://w:***@h/db?{tls}&sslpassword=***"


@pytest.mark.parametrize("variable", [*(f"AICORE_{name.upper()}" for name in DSNS), "AICORE_NATS_URL"])
def test_an_error_never_repeats_what_may_hold_a_secret(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "mysql://user:hunter2@host/db")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert variable in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", ["hunter2", "ab" * 32, "xy" * 64, "ab" * 64 + "\n"])
def test_a_key_of_another_form_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("AICORE_PERSONAL_KEY", key)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert f"AICORE_PERSONAL_KEY: must be {PERSONAL_KEY_DIGITS} hexadecimal digits" in str(caught.value)
    assert key not in str(caught.value)


def test_the_key_of_personal_data_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "5e" * 64
    monkeypatch.setenv("AICORE_PERSONAL_KEY", key)
    settings = load_settings()

    assert settings.personal_key.get_secret_value() == key
    assert key not in f"{settings!r} {settings} {settings.model_dump_json()} {settings.environment()}"
    assert "AICORE_PERSONAL_KEY" not in settings.environment(), "a child's own would be replaced by stars"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:pw@h:5432/db", "postgresql://u:***@h:5432/db"),
        ("postgresql://u@/db?host=/run/x&password=pw", "postgresql://u@/db?host=/run/x&password=***"),
        ("postgresql:///db?host=/run/x", "postgresql:///db?host=/run/x"),
        ("postgres:///db?password=pw", "postgres:///db?password=***"),
        ("nats://token@h:4222", "nats://***@h:4222"),
        ("nats://h:4222", "nats://h:4222"),
    ],
)
def test_a_password_is_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_who_needs_two_operators_is_named_from_what_is_declared_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().confirmed_by_two == frozenset()
    monkeypatch.setenv("AICORE_FOUR_EYES", "registry.promote_model, guardrails.reveal_violation")
    assert load_settings().confirmed_by_two == {"registry.promote_model", "guardrails.reveal_violation"}
    monkeypatch.setenv("AICORE_FOUR_EYES", "all")
    assert {"relay.confirm_log", "deployment.start"} < load_settings().confirmed_by_two
    monkeypatch.setenv("AICORE_FOUR_EYES", "registry.promot_model")
    with pytest.raises(SettingsError, match=r"AICORE_FOUR_EYES.*registry\.promote_model"):
        load_settings()


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """A file, whatever is in it."""
    path = tmp_path / "a b.pem"
    path.write_text("x")
    return path


def test_files_of_ones_own_nats_are_part_of_its_address(monkeypatch: pytest.MonkeyPatch, pem: Path) -> None:
    monkeypatch.setenv("AICORE_NATS_URL", "tls://service-market@a:1,tls://service-market@b:2")
    for name in ("CA", "CERT", "CERT_KEY", "NKEY"):
        monkeypatch.setenv(f"AICORE_NATS_{name}", str(pem))

    found = parse_address(load_settings().nats_address or "")

    assert found.servers == ("tls://a:1", "tls://b:2")
    assert found.files == dict.fromkeys(("ca", "cert", "cert_key", "nkey"), str(pem))
    assert str(found.identity) == "service-market"
    assert "a%20b.pem" not in found.masked
    monkeypatch.setenv("AICORE_NATS_NKEY", "")
    assert "nkey" not in (load_settings().nats_address or "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"NATS_CA": "{pem}"}, "AICORE_NATS_CA: is for the server of AICORE_NATS_URL; set that, too"),
        ({"NATS_URL": "h", "NATS_CA": "/no/such"}, "AICORE_NATS_CA .*: there is no such file"),
        ({"NATS_URL": "h", "NATS_CERT_KEY": "{pem}"}, "AICORE_NATS_CERT_KEY: is of no use without"),
        ({"NATS_URL": "h", "NATS_KEYS": "/k", "NATS_NKEY": "{pem}"}, "AICORE_NATS_KEYS and AICORE_NATS_NKEY"),
        (
            {"NATS_URL": "h", "NATS_CREDS": "{pem}", "NATS_NKEY": "{pem}"},
            "AICORE_NATS_CREDS and AICORE_NATS_N",
        ),
    ],
)
def test_files_that_make_no_sense_together_are_refused_without_a_secret(
    monkeypatch: pytest.MonkeyPatch, pem: Path, given: dict[str, str], said: str
) -> None:
    monkeypatch.setenv("AICORE_POSTGRES_DSN", "postgresql://u:hunter2@h/db")
    for name, value in given.items():
        monkeypatch.setenv(f"AICORE_{name}", value.format(pem=pem))

    with pytest.raises(SettingsError, match=said) as refused:
        load_settings()

    assert "hunter2" not in str(refused.value)
