"""One loaded model for all requests: samples in one batch, their chances, what is kept, long prompts."""

import asyncio
import json
import math
import shutil
import threading
from pathlib import Path

import ctranslate2
import pytest

from aicore.content.weights import shipped_model
from handlers.engines import loaded
from handlers.engines.artefact import MANIFEST
from handlers.engines.port import EngineAsk, EngineError, Sample, SamplesAsk, Sampling
from tests.unit.engines.test_embedded import PROMPT, answer_to, asked, running, text
from tests.unit.kit import until

LONG_TOKENS = 1_024


def several(**fields: object) -> SamplesAsk:
    given = {"prompt": PROMPT, "count": 4, "max_tokens": 30, "temperature": 0.9, "seed": 7, **fields}
    return SamplesAsk(**given)  # type: ignore[arg-type]  # each test names its fields


def texts(samples: list[Sample]) -> list[str]:
    return [sample.text for sample in samples]


async def test_no_request_loads_the_model_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scar: each request that sampled loaded a generator, 0.3 s for 135 million parameters."""
    async with running() as engine:
        monkeypatch.delattr(ctranslate2, "Generator")
        answers = [text(engine, seed) for seed in range(6)]
        assert all(await asyncio.gather(*answers, engine.samples(several())))


async def test_a_build_that_cannot_be_seeded_gives_the_same_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then each has a generator of its own, as all had before; what was recorded is made again by both."""
    async with running() as engine:
        asks = [asked(seed=seed, temperature=heat) for seed in (1, 2**32 - 2) for heat in (0.7, 1.3)]
        shared = [(await answer_to(engine, ask)).text for ask in asks]
        drawn = texts(await engine.samples(several()))
    monkeypatch.setattr(loaded, "find_draws", lambda *_: None)
    async with running() as engine:
        assert [(await answer_to(engine, ask)).text for ask in asks] == shared
        assert texts(await engine.samples(several())) == drawn


async def test_samples_depend_on_nothing_but_the_question() -> None:
    async with running() as engine:
        sampling: Sampling = engine
        alone = [await sampling.samples(several(seed=seed)) for seed in (1, 2)]
        beside = await asyncio.gather(
            *(sampling.samples(several(seed=1 + at % 2)) for at in range(8)), text(engine, 3)
        )
    assert list(beside[:-1]) == alone * 4
    assert all(len(samples) == 4 for samples in alone)
    assert len(set(texts(alone[0]) + texts(alone[1]))) > 4


async def test_each_sample_tells_how_likely_it_is() -> None:
    """Its chance is that of `likelihood`, but for the end, which a whole one has besides."""
    other = PROMPT.replace("Bram Sallow", "Old Fennick")
    async with running() as engine:
        cut = await engine.samples(several(max_tokens=6))
        for sample in cut:
            assert not sample.whole
            assert sample.tokens == 6
            assert math.isclose(sample.chance, await engine.likelihood(PROMPT, sample.text), abs_tol=1e-3)
        whole = await engine.samples(several(max_tokens=90))
        assert any(sample.whole for sample in whole)
        pairs = [(prompt, sample.text) for prompt in (PROMPT, other) for sample in cut]
        assert await engine.chances(pairs) == pytest.approx(
            [await engine.likelihood(*pair) for pair in pairs]
        )
        assert await engine.chances([]) == []


async def test_what_must_not_be_written_is_not() -> None:
    async with running() as engine:
        free = await engine.samples(several(count=8))
        model = engine._model
        assert model
        first = {model.tokenizer.encode(f" {sample.text}").tokens[0] for sample in free}
        held = await engine.samples(several(count=8, without=(*first, "no token")))
        assert not first & {
            token for each in held for token in model.tokenizer.encode(f" {each.text}").tokens
        }


async def test_a_static_prompt_is_kept_and_no_more_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CTranslate2 lets go of none, so somebody has to count them."""
    static = PROMPT[: PROMPT.index("<said>")]
    monkeypatch.setattr(loaded, "STATIC_TOKENS_MAX", 40)
    async with running() as engine:
        first = await engine.samples(several(static=static))
        assert await engine.samples(several(static=static)) == first
        for at in range(9):
            await engine.samples(several(prompt=f"<npc> {at} fog <line>", static=f"<npc> {at} fog"))
        model = engine._model
        assert model
        assert static in model._kept
        assert sum(map(len, model._kept.values())) <= 40
        assert not model._static("other", PROMPT)


async def test_a_model_with_the_positions_takes_a_template_of_a_thousand_tokens(tmp_path: Path) -> None:
    """The engine's only limit is the model's; rotary positions have none of their own."""
    directory = shutil.copytree(shipped_model(), tmp_path / "long", ignore=shutil.ignore_patterns("hf"))
    fields = json.loads((directory / MANIFEST).read_text())
    (directory / MANIFEST).write_text(json.dumps({**fields, "context": 2 * LONG_TOKENS}))
    prompt = PROMPT.replace("<said>", "fog " * LONG_TOKENS + "<said>")
    async with running(directory) as engine:
        answer = await answer_to(engine, EngineAsk(prompt=prompt, max_tokens=4, seed=3))
        assert answer.prompt_tokens > LONG_TOKENS
        assert answer.completion_tokens
        assert len(await engine.samples(several(prompt=prompt, max_tokens=4, count=2))) == 2
        assert await engine.likelihood(prompt, "Over the water.") < 0


async def test_stopping_and_cancelling_end_samples() -> None:
    async with running(concurrent_max=1) as engine:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(engine.samples(several(max_tokens=150))) for _ in range(3)]
            await until(lambda: engine.active == len(tasks))
            for task in tasks[:2]:
                task.cancel()
            await asyncio.wait(tasks[:2])
            assert engine.active == 1
            assert await tasks[2]
        waiting = asyncio.create_task(engine.samples(several(max_tokens=150)))
        await until(lambda: engine.active == 1)
        await engine.stop()
        with pytest.raises(EngineError) as stopped:
            await waiting
        assert stopped.value.retriable
        with pytest.raises(EngineError, match="not started"):
            await engine.samples(several())


async def test_what_had_not_begun_when_the_engine_stopped_is_told_so() -> None:
    """*Scar:* it was cancelled, though nobody had cancelled who waited for it."""
    async with running(concurrent_max=1) as engine:
        busy = threading.Event()
        assert engine._executor
        taken = engine._executor.submit(busy.wait)  # the only thread, until all have been told
        await until(taken.running)
        waiting = [asyncio.create_task(engine.chances([("fog", "over the water")])) for _ in range(8)]
        await asyncio.sleep(0)
        stopping = asyncio.create_task(engine.stop())
        try:
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            busy.set()
        await stopping
    assert [type(each) for each in ended] == [EngineError] * len(waiting)
    assert all(isinstance(each, EngineError) and each.retriable for each in ended)


async def test_samples_that_cannot_be_are_refused() -> None:
    async with running() as engine:
        for nonsense in ({"count": 0}, {"max_tokens": 0}, {"temperature": 0.0}, {"temperature": math.nan}):
            with pytest.raises(EngineError, match="count=") as refused:
                await engine.samples(several(**nonsense))
            assert refused.value.code == "invalid_request"
        with pytest.raises(EngineError, match="shorten it"):
            await engine.samples(several(prompt="fog " * 300))
