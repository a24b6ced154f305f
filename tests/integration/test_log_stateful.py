"""Random appends by two writers at once on Postgres must be explained by one serial order of a list."""

import asyncio
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from aicore.embedded import EmbeddedPostgres
from bus.expectations import meets
from bus.ports import AppendResult, ExpectedVersion, IdConflict, NewEvent, StreamWrite, VersionConflict
from bus.postgres import writer
from bus.postgres.verify import verify
from tests.harness.examples import examples
from tests.integration.log_kit import WAIT_S, fresh_log

pytestmark = pytest.mark.integration

STREAMS = [f"story-{n}" for n in range(4)]
_realms = count(1)

writes = st.builds(
    lambda stream, ids, expected: StreamWrite(
        stream,
        [NewEvent(UUID(int=n), "story.told", 1, b"\x81\xa1n" + bytes([n % 100])) for n in ids],
        expected,
    ),
    st.sampled_from(STREAMS),
    st.lists(st.integers(1, 300), min_size=1, max_size=3, unique=True),
    st.one_of(st.integers(0, 6), st.sampled_from(["none", "exists", "any", "any", "any"])),
)
appends = st.lists(writes, min_size=1, max_size=2, unique_by=lambda write: write.stream).filter(
    lambda made: len({e.id for w in made for e in w.events}) == sum(len(w.events) for w in made)
)


class LogMachine(RuleBasedStateMachine):
    """Two writers' logs of one realm beside a list of what they have acknowledged."""

    dsn = ""

    def __init__(self) -> None:
        super().__init__()
        self.realm = f"stateful{next(_realms)}"
        self.runner = asyncio.Runner()
        self.opened = [fresh_log(self.dsn, self.realm) for _ in range(2)]
        self.logs = [self.runner.run(log.__aenter__()) for log in self.opened]
        self.rows: list[tuple[str, int, UUID]] = []
        """Stream, version and id by position."""

    def teardown(self) -> None:
        for opened in reversed(self.opened):
            self.runner.run(opened.__aexit__(None, None, None))
        assert self.runner.run(verify(self.dsn, self.realm)).ok
        self.runner.close()

    @rule(given=st.lists(appends, min_size=1, max_size=8))
    def append_at_once(self, given: list[list[StreamWrite]]) -> None:
        """Append all at once, in turn over the writers, and explain each outcome."""

        async def all_at_once() -> list[Any]:
            async with asyncio.timeout(WAIT_S):
                calls = [self.logs[n % 2].append(*made) for n, made in enumerate(given)]
                return await asyncio.gather(*calls, return_exceptions=True)

        before = self.versions()
        pairs = list(zip(given, self.runner.run(all_at_once()), strict=True))
        new = [(r, made) for made, r in pairs if isinstance(r, AppendResult) and not r.duplicate]
        for result, made in sorted(new, key=lambda pair: pair[0].positions):
            self.take(made, result)
        for made, result in pairs:
            self.explain(made, result, before)

    def take(self, made: list[StreamWrite], result: AppendResult) -> None:
        """Apply an acknowledged append to the model: it must fit exactly where it says it is."""
        places = iter(zip(result.positions, result.versions, strict=True))
        now = self.versions()
        for write in made:
            assert meets(now.get(write.stream, 0), write.expected)
            for n, one in enumerate(write.events, 1):
                position, version = next(places)
                assert position == len(self.rows) + 1
                assert version == now.get(write.stream, 0) + n
                self.rows.append((write.stream, version, one.id))

    def explain(self, made: list[StreamWrite], result: Any, before: dict[str, int]) -> None:
        """Check a duplicate or a refusal against what the model held before or holds now."""
        ids = [(write.stream, one.id) for write in made for one in write.events]
        known = {row[2]: (row[0], position) for position, row in enumerate(self.rows, 1)}
        match result:
            case AppendResult():
                assert [known[key] for _, key in ids] == [
                    (stream, position) for (stream, _), position in zip(ids, result.positions, strict=True)
                ]
            case VersionConflict():
                assert before.get(result.stream, 0) <= result.actual <= self.versions().get(result.stream, 0)
                assert not meets(result.actual, self.expected(made, result.stream))
            case IdConflict():
                assert any(key in known for _, key in ids)
            case _:
                raise AssertionError(repr(result))

    @staticmethod
    def expected(made: list[StreamWrite], stream: str) -> ExpectedVersion:
        return next(write.expected for write in made if write.stream == stream)

    def versions(self) -> dict[str, int]:
        return {stream: version for stream, version, _ in self.rows}

    @invariant()
    def both_read_what_was_acknowledged(self) -> None:
        for log in self.logs:
            found = self.runner.run(log.read_all(limit=10_000))
            assert [(e.stream, e.version, e.id) for e in found] == self.rows
            assert [e.position for e in found] == list(range(1, len(self.rows) + 1))


@pytest.mark.parametrize("split_min", [2, pytest.param(writer.SPLIT_MIN, marks=pytest.mark.slow)])
def test_the_log_behaves_like_a_list(
    postgres: EmbeddedPostgres, split_min: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With small crowds split, too, so that plans stand on plans that are not confirmed."""
    monkeypatch.setattr(writer, "SPLIT_MIN", split_min)
    machine = type("Machine", (LogMachine,), {"dsn": postgres.dsn})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples(10), stateful_step_count=12, deadline=None)
    )
