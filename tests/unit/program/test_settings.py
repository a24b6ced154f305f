"""Settings from the environment: defaults, and errors that say what to do and never a secret."""

import pytest

from aicore.settings import DSNS, PERSONAL_KEY_DIGITS, Settings, SettingsError, load_settings, masked


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
