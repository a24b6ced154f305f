"""Identities of a state directory, what they may, and how they are told."""

import json
from pathlib import Path

import pytest

from aicore.cli.main import main
from aicore.doctor.servers import who_connects
from aicore.embedded.keyring import DEMO, Keyring, keyring_of, public_of, welcome
from aicore.running import with_keys
from bus.catalogue import domain_catalogue
from bus.nats.address import parse_address
from bus.nats.server_config import PLACES_FREE, PLACES_MIN, accounts_of
from bus.permissions import (
    COMPONENTS,
    GrantError,
    Grants,
    allows,
    client_rights,
    component_rights,
    consumers_of,
    followed,
    follower_filters,
    followers_of,
    granted,
    may,
    names_of,
    open_contexts,
)
from domain.kernel.roles import PEOPLE
from protocol.identity import Identity

CATALOGUE = domain_catalogue()
MARKET = Identity("service", "market")
SEED = "SU" + "A" * 56


def aicore(monkeypatch: pytest.MonkeyPatch, state_dir: Path, *arguments: str, code: int = 0) -> None:
    """Run a command in this process, on a state directory where nothing runs."""
    monkeypatch.setattr("sys.argv", ["aicore", *arguments])
    monkeypatch.setenv("AICORE_STATE_DIR", str(state_dir))
    with pytest.raises(SystemExit) as ended:
        main()
    assert int(ended.value.code or 0) == code


# --- what is declared ---------------------------------------------------------------------------------------


def test_every_message_says_who_may_send_it_and_no_service_governs() -> None:
    known = {"service", "granted", *PEOPLE}
    roles = [set(kind.may) for kind in CATALOGUE.commands.values()]
    roles += [set(kind.may) for kind in CATALOGUE.queries.values()]
    assert all(each and each <= known for each in roles)
    assert names_of(CATALOGUE, Grants(MARKET)) == (
        "inference.generate", "inference.rate", "clock.now", "factions.now", "factions.told",
        "inference.tiers", "registry.current", "weather.forecast", "weather.now",
    )  # fmt: skip
    governing = [name for name, kind in CATALOGUE.commands.items() if {"service", "granted"} & set(kind.may)]
    assert {name.partition(".")[0] for name in governing} == {
        "inference", "batch", "clock", "ledger", "session", "places", "quests", "weather", "market",
        "factions", "people", "beliefs", "traces", "promises", "story",
    }  # fmt: skip
    living = {"people.begin", "people.rest", "people.afflict"}
    assert not living & set(governing), "who lives, and who comes to harm by no player's hand, is too"
    alarms = {"clock.set_alarm", "clock.cancel_alarm"}
    assert {name for name in governing if name.startswith("clock.")} == alarms, "time is the operators'"
    coining = {"ledger.open_unit", "ledger.retire_unit", "ledger.declare_flow", "ledger.allow_credit"}
    assert not coining & set(governing), "what money is, and where it comes from, is the operators'"
    closing = {"places.close_way", "places.open_way"}
    assert not closing & set(names_of(CATALOGUE, Grants(MARKET, may=(*closing, "places.depart"))))
    viewer = names_of(CATALOGUE, Grants(Identity("operator", "ann"), roles=("viewer",)))
    assert not set(viewer) & CATALOGUE.commands.keys()


def test_what_a_service_is_given_must_be_declared_for_services() -> None:
    assert granted(CATALOGUE, ["batch.*"]) == (
        "batch.add_items", "batch.cancel", "batch.list", "batch.open", "batch.results", "batch.submit",
    )  # fmt: skip
    for pattern in ("registry.promote_model", "relay.*", "*", "batch", ""):
        with pytest.raises(GrantError, match="no service may have"):
            granted(CATALOGUE, [pattern])
    assert names_of(CATALOGUE, Grants(MARKET, may=("registry.promote_model",))) == names_of(
        CATALOGUE, Grants(MARKET)
    ), "nor does a file that somebody wrote give more"


def test_who_may_ask_for_a_place_may_hear_its_frames_and_only_the_relay_speaks_there() -> None:
    frames, short = "demo.live.place.light.ropewalk.quay.0", "demo.live.at.light.ropewalk.quay.0"
    asks = Grants(MARKET, may=granted(CATALOGUE, ["places.snapshot"]))
    viewer = Grants(Identity("operator", "ann"), roles=("viewer",))
    for grants, hears in ((Grants(MARKET), False), (asks, True), (viewer, True)):
        rights = client_rights("demo", CATALOGUE, grants)
        wild = ("demo.live.place.light.ropewalk.>", "demo.live.place.*.*.quay.*", "demo.live.at.light.>")
        for subject in (frames, short, *wild):
            assert may(rights, "subscribe", subject) == hears
        assert not may(rights, "publish", frames)
        assert not may(rights, "publish", short)
    for each in (frames, short):
        speak = [name for name in COMPONENTS if may(component_rights("demo", name), "publish", each)]
        assert speak == ["owner", "relay"]


def test_players_words_are_followed_only_by_who_is_given_them_by_name() -> None:
    assert "registry" in open_contexts(CATALOGUE)
    assert not {"inference", "guardrails", "batch"} & set(open_contexts(CATALOGUE))
    assert followed(CATALOGUE, []) == open_contexts(CATALOGUE)
    assert followed(CATALOGUE, ["inference"]) == ("inference",)
    with pytest.raises(GrantError, match="no events are of 'tides'"):
        followed(CATALOGUE, ["tides"])
    assert follower_filters("demo", Grants(MARKET, follow=("all",))) == ("demo.evt.>",)
    assert follower_filters("demo", Grants(Identity("operator", "ann"), roles=PEOPLE)) == ()


def test_each_follower_of_a_service_has_a_consumer_that_is_that_services_alone() -> None:
    market = Grants(MARKET, follow=("registry",), followers=("ledger", "mailer"))
    neighbour = Grants(Identity("service", "market_ledger"), follow=("registry",), followers=("ledger",))
    names = consumers_of("demo", market)

    assert names == ("service-market", "service-market-ledger", "service-market-mailer")
    assert not set(names) & set(consumers_of("demo", neighbour))
    rights = client_rights("demo", CATALOGUE, market)
    for name in names:
        assert may(rights, "publish", f"demo.js.CONSUMER.MSG.NEXT.EVT_demo.{name}")
        assert may(rights, "publish", f"$JS.ACK.EVT_demo.{name}.1.2.3.4.5")
        assert not may(client_rights("demo", CATALOGUE, neighbour), "publish", f"$JS.ACK.EVT_demo.{name}.1")
        for verb in ("DELETE", "CREATE", "DURABLE.CREATE"):
            assert not may(rights, "publish", f"demo.js.CONSUMER.{verb}.EVT_demo.{name}")
    assert not may(rights, "publish", "demo.js.CONSUMER.MSG.NEXT.EVT_demo.service-market-other")
    assert consumers_of("demo", Grants(MARKET, followers=("ledger",))) == ()


def test_followers_are_named_and_few() -> None:
    assert followers_of(["mailer", "ledger", "mailer"]) == ("ledger", "mailer")
    many = [f"f{n}" for n in range(9)]
    for names, said in ((["a-b"], "cannot be"), (["*"], "cannot be"), (many, "at most 8")):
        with pytest.raises(GrantError, match=said):
            followers_of(names)


@pytest.mark.parametrize(
    ("pattern", "subject", "within"),
    [
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.*", "a.>", False),
        ("a.>", "a", False),
        ("a.>", "a.b.*", True),
        ("a.b", "a.*", False),
        ("*.b", ">", False),
        (">", "a.>", True),
        ("a.> group", "a.b group", True),
        ("a.> group", "a.b", False),
        ("a.> group", "a.b other", False),
        ("a.>", "a.b group", True),
    ],
)
def test_a_subject_is_within_what_takes_all_that_it_takes(pattern: str, subject: str, within: bool) -> None:
    assert allows([pattern], subject) is within


def test_every_client_has_an_account_and_there_are_free_ones() -> None:
    clients = [Grants(Identity("service", f"s{place}"), place=place) for place in range(1, 41)]
    keys = {each.identity: f"U{each.place}" for each in clients}
    accounts = accounts_of("demo", CATALOGUE, clients, keys)
    users = [len(account["users"]) for name, account in accounts.items() if name != "AICORE"]

    assert users == [1] * 40 + [0] * PLACES_FREE
    assert len(accounts_of("demo", CATALOGUE, [], {})) == 1 + PLACES_MIN
    rights = client_rights("demo", CATALOGUE, clients[0])
    assert all(subject.endswith(".service-s1") for subject in rights.publish)


# --- the keyring --------------------------------------------------------------------------------------------


def test_a_place_is_kept_and_becomes_free(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path / "identities")
    names = [Identity("service", name) for name in ("a", "b", "c")]
    for name in names:
        keyring.give(Grants(name))
    seed = keyring.seed(names[0])
    keyring.give(Grants(names[0], follow=("all",)))
    assert [each.place for each in keyring.clients] == [1, 2, 3]
    assert keyring.seed(names[0]) == seed
    keyring.revoke(names[1])
    keyring.give(Grants(Identity("service", "d")))
    assert {str(each.identity): each.place for each in keyring.clients} == {
        "service-a": 1, "service-c": 3, "service-d": 2,
    }  # fmt: skip
    assert not keyring.seed_file(names[1]).exists()
    assert public_of(seed).startswith("U")


def test_a_fresh_directory_has_an_operator_with_every_role_and_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "Ann.Other")
    keyring = keyring_of(tmp_path)
    first = welcome(keyring)

    assert first == Identity("operator", "ann_other") == welcome(keyring)
    assert [each.identity for each in keyring.clients] == [first, DEMO]
    found = keyring.client(first)
    assert found is not None
    assert found.roles == PEOPLE


def test_a_keyring_knows_an_operators_roles_as_they_are_now(tmp_path: Path) -> None:
    keyring, other = keyring_of(tmp_path), keyring_of(tmp_path)
    assert keyring.roles_of("operator:ann") is None, "there are no keys"
    ann = Identity("operator", "ann")
    for roles in (("viewer",), PEOPLE):
        other.give(Grants(ann, roles=roles))
        assert keyring.roles_of("operator:ann") == roles
    assert keyring.roles_of("operator:bob") is None
    other.revoke(ann)
    assert keyring.roles_of("operator:ann") is None


def test_a_server_of_ones_own_is_reached_with_the_keys_of_a_folder(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    mira = Grants(Identity("operator", "mira"), roles=("operator",))
    keyring.give(mira)
    keyring.seed(Identity("component", "relay"))
    url, components = with_keys("nats://one:4222,nats://two:4222", tmp_path)

    address = parse_address(url)
    assert address.servers == ("nats://one:4222", "nats://two:4222")
    assert (address.identity, address.options()["nkeys_seed_str"]) == (
        mira.identity,
        keyring.seed(mira.identity),
    )
    assert components.keys() == {"relay"} < set(COMPONENTS)
    assert keyring.seed(mira.identity) not in address.masked
    assert with_keys("nats://u:p@one", None) == ("nats://u:p@one", {})


def test_a_seed_is_never_sent_as_a_password() -> None:
    options = parse_address(f"nats://service-market:{SEED}@host").options()

    assert options == {"servers": ["nats://host:4222"], "nkeys_seed_str": SEED}
    assert parse_address("nats://market:word@host").identity is None


# --- the command line ---------------------------------------------------------------------------------------


def test_services_and_operators_are_added_listed_and_revoked_where_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aicore(monkeypatch, tmp_path, "services", "add", "market", "--may", "batch.*", "--follow", "registry")
    aicore(monkeypatch, tmp_path, "operators", "add", "ann", "--role", "viewer", "--role", "auditor")
    assert "may connect from the next start on" in capsys.readouterr().out
    aicore(monkeypatch, tmp_path, "operators", "add", "ann_ci", "--role", "operator", "--person", "ann")
    keys = Keyring(tmp_path / "identities")
    assert {keys.person_of(f"operator:{name}") for name in ("ann", "ann_ci")} == {"ann"}
    assert keys.person_of("operator:jan") == "operator:jan"
    capsys.readouterr()
    aicore(monkeypatch, tmp_path, "services", "list", "--json")
    [market] = json.loads(capsys.readouterr().out)
    assert (market["follow"], "batch.open" in market["may"]) == (["registry"], True)
    aicore(monkeypatch, tmp_path, "nats", "matrix")
    assert "operator-ann" in capsys.readouterr().out
    aicore(monkeypatch, tmp_path, "nats", "permissions", "--json")
    accounts = json.loads(capsys.readouterr().out)["accounts"]
    assert len(accounts["AICORE"]["users"]) == len(COMPONENTS)
    aicore(monkeypatch, tmp_path, "services", "revoke", "market")
    aicore(monkeypatch, tmp_path, "services", "list", "--json")
    assert capsys.readouterr().out.endswith("[]\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("services", "add", "Market"), "cannot be a name"),
        (("services", "add", "market", "--may", "relay.confirm_log"), "no service may have"),
        (("services", "add", "market", "--follow", "tides"), "no events are of"),
        (("services", "revoke", "nobody"), "there is no service 'nobody'"),
        (("operators", "add", "ann", "--role", "king"), "there is no role 'king'"),
    ],
)
def test_what_cannot_be_given_is_refused(
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    aicore(monkeypatch, tmp_path, *arguments, code=2)

    assert said in capsys.readouterr().err


def test_doctor_warns_of_a_server_that_asks_nobody() -> None:
    assert who_connects(asks=True) == ()
    [warning] = who_connects(asks=False)
    assert (warning.verdict, warning.name) == ("warning", "identities")
