"""The benchmarks' own logic: that a figure cannot be right by accident."""

import pytest

from aicore.content.guardrails import load_policy
from benchmarks import canary, failover, feed, feed_trace, guardrails, router
from benchmarks.guardrail_cases import load_cases
from benchmarks.harness import Report
from benchmarks.paced import answer, characters
from benchmarks.peers import host_of
from domain.guardrails.compiler import compile_policy
from domain.guardrails.stream import StreamGuard
from domain.patterns import rest_of


@pytest.mark.parametrize("name", ["failures_1_to_50", "latency_one_sigma"])
def test_a_simulated_canary_ends_where_the_decider_ends_it(name: str) -> None:
    case = canary.REGRESSIONS[name]
    found = canary.judged(case, canary.SEED, peers=False).ours
    assert found is not None
    assert canary.whole_way(case, canary.SEED) == found[0]


def test_a_regression_that_is_never_caught_is_no_median_of_those_that_were() -> None:
    report = Report("canary", 1)
    found = [canary.Found(ours=(7, 3)), canary.Found(), canary.Found()]
    canary._caught(report, "x", canary.Case(failing=0.1), found)
    assert report.figures["x_caught"].median == pytest.approx(1 / 3)
    assert report.figures["x_median"].median == canary.TURNS


@pytest.mark.parametrize("number", [1, 4])
def test_whatever_an_engine_change_may_do_to_an_answer_is_a_seam(number: int) -> None:
    question = f"turn {number} "
    guided = number % failover.GUIDED_EVERY == 0
    tokens = (
        characters(failover.PATTERN, question)
        if guided
        else answer(question, failover.TOKENS).split(" ")  # each with the space before it, but the first
    )
    between = "" if guided else " "
    assert not failover.seam(number, between.join(tokens))
    for place in range(len(tokens)):
        lost = [*tokens[:place], *tokens[place + 1 :]]
        doubled = [*tokens[: place + 1], *tokens[place:]]
        assert failover.seam(number, between.join(lost)), place
        assert failover.seam(number, between.join(doubled)), place
    assert failover.seam(number, between.join(tokens) + " ")
    assert failover.seam(number, "")


@pytest.mark.parametrize("place", [1, 9, 30, 45])
def test_an_engine_that_goes_on_with_the_rest_of_a_pattern_gives_the_same_answer(place: int) -> None:
    whole = "".join(characters(failover.PATTERN, "turn 4 "))
    rest = rest_of(failover.PATTERN, whole[:place])
    assert rest
    assert whole[:place] + "".join(characters(rest, "turn 4 ", place)) == whole


def test_the_routers_ratios_are_of_one_round_and_count_the_servers_behind_it() -> None:
    report = Report("router", 2)
    for direct, drift in ((5.0, 1.0), (50.0, 10.0)):  # the second round on a machine ten times as slow
        for name, added in (("direct", 0.0), ("http", 1.0), ("nats", 2.0), ("litellm", 20.0)):
            for callers in (1, 64):
                for what in ("ttft_p50", "ttft_p99", "gap_p99"):
                    report.add(f"{what}_ms_{name}_{callers}", direct + added * drift, "ms")
                report.add(f"cpu_ms_per_request_{name}_{callers}", added * drift, "ms")
                servers = 0 if name == "litellm" else 3
                report.add(f"cpu_ms_with_servers_{name}_{callers}", (added + servers) * drift, "ms")
        router.compare_round(report, ["http", "nats", "litellm"])

    assert report.ratios["added_p50_below_litellm_http"] == pytest.approx([20, 20])
    assert report.ratios["requests_per_core_vs_litellm_http"] == pytest.approx([5, 5])
    assert report.ratios["requests_per_core_vs_litellm_nats"] == pytest.approx([4, 4])


class Open(StreamGuard):
    """Gives out everything at once."""

    def feed(self, text: str) -> str:
        super().feed(text)
        return text

    def finish(self) -> str:
        super().finish()
        return ""


class Hasty(StreamGuard):
    """Gives out the first character of all that it should hold back, and goes on as it should."""

    def feed(self, text: str) -> str:
        out = super().feed(text)
        return out or text[:1]


@pytest.mark.parametrize("guard", [StreamGuard, Open, Hasty])
def test_what_a_stream_lets_slip_is_counted(guard: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardrails, "StreamGuard", guard)
    compiled = compile_policy(load_policy(), guardrails.PROFILE)

    counts = guardrails.attacked(compiled, load_cases(), 1, 20)

    assert counts["attacks"] == 20
    assert counts["known_found"] > 0
    assert (counts["released"] > 0) == (counts["otherwise"] > 0) == (guard is not StreamGuard)


def test_both_suites_have_400_cases_and_their_parts_share_none() -> None:
    """The parts are those that the published shares are of; what was written afterwards comes on top."""
    cases = [case for case in load_cases() if case.part != "afterwards"]
    for expect in ("pass", "stop"):
        assert len({case.text.casefold() for case in cases if case.expect == expect}) >= 400
    texts = {
        part: {case.text.casefold() for case in load_cases() if case.part == part}
        for part in guardrails.PARTS
    }
    assert not texts["heldout"] & texts["development"]
    assert not texts["afterwards"] & (texts["heldout"] | texts["development"])


def test_a_peer_finds_our_server_whatever_else_its_address_says() -> None:
    assert host_of("postgresql://postgres@/aicore?host=/tmp/a%20b&port=5432&sslmode=disable") == "/tmp/a b"


def test_both_sides_of_the_feed_play_the_same_trace_and_everybody_walks_where_ways_lead() -> None:
    trace = feed_trace.trace_of(feed_trace.QUICK)
    assert trace == feed_trace.trace_of(feed_trace.QUICK)
    assert trace != feed_trace.trace_of(feed_trace.QUICK, seed=13)
    size, places = feed_trace.QUICK, trace["places"]
    assert len(trace["entities"]) + len(trace["walkers"]) == size.entities
    assert all(here in places[other] for here, beside in places.items() for other in beside)
    assert sum(map(len, places.values())) == 2 * len(list(feed_trace.ways(size)))
    for walker in trace["walkers"]:
        here, at = walker["place"], 0.0
        for when, what, how in walker["ops"]:
            assert at <= when < size.seconds
            at = when
            if what == "go":
                assert how in places[here]
                here = how
    what = [op for walker in trace["walkers"] for _, op, _ in walker["ops"]]
    assert {"go", "cut", "slow"} == set(what)
    assert what.count("cut") == pytest.approx(feed_trace.CUT_SHARE * size.walkers, rel=0.7)


def test_a_client_with_another_state_of_one_cell_or_with_none_at_all_is_wrong() -> None:
    truth = {"quay/0": (5, "a"), "lane/0": (2, "b")}
    right = {"quay/0": [5, "a"], "lane/0": [2, "b"]}
    ends = [
        {"sees": {"w1": right, "w2": {"quay/0": [4, "a"]}}},
        {"sees": {"w3": {}, "w4": {"gate/0": [0, "c"]}}},
    ]
    assert feed.wrong(truth, ends[:1]) == 1
    assert feed.wrong(truth, ends) == 3
    assert feed.wrong(truth, [{"sees": {"w2": {**right, "lane/0": [2, "x"]}}}]) == 1
