"""A small model's words for a plan (the ladder's R2): several in one batch, the likeliest first.

The model says the claim in few words and with placeholders (`domain.story.model_form`), so it serves every
world; letters that the plan has not are kept from it, and words that nobody wrote are no words. A model of a
few million parameters that learnt from 8,000 lines loses itself in its second sentence: what it adds once the
claim is said is cut off, and instead there stands, now and then, what a writer put behind the same claim
(`domain.story.tails`). What claims nothing, and what asks, is left to the written lines. Nothing here has
passed a gate.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from domain.story.lettering import lettered
from domain.story.model_form import ask_for, foreign, others
from domain.story.plan import Act, Length, LinePlan, Signature
from domain.story.saying import Heard, Saying, Tongue
from domain.story.slots import fill, slots_of
from domain.story.tails import Tail, head_of, tails_for
from domain.story.variety import words_of
from handlers.engines.port import SamplesAsk, Sampling

COUNT = 8
TOKENS_MAX = 40
"""Of the model's words; the longest short line that was written has 21."""

TEMPERATURE = 0.6
VOICE_WEIGHT = 0.5
"""How much it counts that a line is likelier in this voice than in anybody's, beside its own chance."""

BARE_IN = 3
"""One in so many candidates has no tail."""

SEED_BYTES = 8
CUT, NO_WORD, TWICE, OTHERWISE = "cut", "vocabulary", "twice", "meaning"
TURNED_MARGIN = 0.2
"""By how much the same predicate, denied or turned about, may be likelier for these words, nats a token."""

UNUSABLE = -99.0
"""Score of what is stopped before it is scored."""

NAMING = ("", "the", "bare", "aim", "since")
"""Forms by which a thing is named, and not meant by a pronoun."""

ENDS = re.compile(r"[.?!…][\"')”]*$")


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for a plan.

    Attributes:
        template: with the letters of ``plan``. text: filled.
        lines: ids of the written lines whose ends are in it.
        stopped: what makes it useless, ``cut``, ``vocabulary``, ``twice``: it names the same twice, or
            ``meaning``: the model itself thinks it likelier for another plan; "": nothing.
        score: mean log chance of a token, and how much the voice adds to it, nats; the larger, the better.
        times: how often the model said it.
    """

    plan: LinePlan = field(repr=False)
    template: str = field(repr=False)
    text: str = field(repr=False)
    score: float
    lines: tuple[str, ...] = ()
    stopped: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class SmallModel:
    """Has words for plans.

    Attributes:
        tongues: voices that it was trained for, ``harbour/ferryman``; others speak as nobody in particular.
        signatures: predicates that it was trained for; it has no words for others.
        vocabulary: words that somebody wrote.
    """

    engine: Sampling
    tongues: Mapping[str, Tongue]
    signatures: Mapping[str, Signature]
    vocabulary: Collection[str]
    count: int = COUNT
    temperature: float = TEMPERATURE

    async def wordings(self, saying: Saying, voice: str, heard: Heard, seed: str) -> list[Wording]:
        """Return different words for a plan, the likeliest first; the same for the same arguments.

        Raises:
            EngineError: the engine could not answer.
        """
        named = lettered(saying)
        if named is None or not saying.claims or saying.act == Act.ASK:
            return []
        if not all(claim.predicate in self.signatures for claim in saying.claims):
            return []
        own = voice if voice in self.tongues else ""
        asked = ask_for(named.plan, own, Length.SHORT)
        samples = await self.engine.samples(
            SamplesAsk(
                prompt=asked.prompt,
                count=self.count,
                max_tokens=TOKENS_MAX,
                temperature=self.temperature,
                seed=_number(f"{seed} {asked.prompt}"),
                without=tuple(foreign(asked.letters)),
            )
        )
        heads = Counter(head_of(asked.line(sample.text), named.plan.letters) for sample in samples)
        stopped = {head: self._stopped(head) for head in heads}
        scores = await self._scores(named.plan, own, [head for head in heads if not stopped[head]])
        tails = tails_for(self.tongues[own], saying, heard) if own else []
        made = []
        for head, times in heads.items():
            tail = _drawn(tails, f"{seed} {head}")
            template = f"{head} {tail.text}" if tail else head
            score, meant = scores.get(head, (UNUSABLE, True))
            why = stopped[head] if meant else OTHERWISE
            text, lines = fill(template, named.fillings), (tail.id,) if tail else ()
            made.append(Wording(named.plan, template, text, score, lines, why, times))
        return sorted(made, key=lambda each: (-each.score, each.text))

    def _stopped(self, head: str) -> str:
        if not ENDS.search(head):
            return CUT
        named = [letter for letter, form in slots_of(head) if form in NAMING]
        if len(set(named)) < len(named):
            return TWICE
        strange = (word for word in words_of(head) if word[0] != "{" and word not in self.vocabulary)
        return NO_WORD if any(strange) else ""

    async def _scores(
        self, plan: LinePlan, voice: str, heads: Sequence[str]
    ) -> dict[str, tuple[float, bool]]:
        """Return each head's score, and whether the model reads the plan in it and not another one."""
        genre = voice.partition("/")[0]
        besides = list(others(plan, self.signatures))
        turned = [_predicates(each) == _predicates(plan) for each in besides]
        readings = [(plan, voice), (plan, genre), *((each, voice) for each in besides)]
        asked = [ask_for(each, whose, Length.SHORT) for each, whose in readings]
        pairs = [(each.prompt, each.written(head)) for head in heads for each in asked]
        chances = await self.engine.chances(pairs)
        found = {}
        for at, head in enumerate(heads):
            own, anybody, *else_ = chances[at * len(asked) : (at + 1) * len(asked)]
            meant = all(
                own >= chance - (TURNED_MARGIN if same else 0.0)
                for chance, same in zip(else_, turned, strict=True)
            )
            found[head] = own + VOICE_WEIGHT * (own - anybody), meant
        return found


def _predicates(plan: LinePlan) -> list[str]:
    return [claim.predicate for claim in plan.claims]


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:SEED_BYTES])


def _drawn(tails: Sequence[Tail], seed: str) -> Tail | None:
    number = _number(seed)
    if not tails or number % BARE_IN == 0:
        return None
    return tails[number // BARE_IN % len(tails)]
