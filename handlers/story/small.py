"""A small model's words for a plan (the ladder's R2): several in one batch, the likeliest first.

The model says the claim in few words and with placeholders (`domain.story.model_form`), so it serves every
world; letters that the plan has not are kept from it, and words that nobody wrote are no words. A model of a
few million parameters that learnt from 8,000 lines loses itself in its second sentence: what it adds once the
claim is said is cut off, and instead there stands, now and then, what a writer put behind the same claim
(`domain.story.tails`). What claims nothing, and what asks, is left to the written lines.

*Free* words are the model's own. *Held* ones are those that it finds likeliest among several clauses for the
claim (`domain.story.ways`): it chooses for this voice and act, and what it chooses says the claim by
construction. Nothing here has passed a gate.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from math import log

from domain.story.lettering import Lettered, lettered
from domain.story.model_form import ask_for, foreign, others
from domain.story.plan import SPEAKER, Act, Length, LinePlan, Signature
from domain.story.saying import Heard, Saying, Tongue
from domain.story.slots import fill, slots_of
from domain.story.tails import Tail, head_of, tails_for
from domain.story.variety import words_of
from domain.story.ways import Ways, ways_of
from handlers.engines.port import SamplesAsk, Sampling

COUNT, HELD = 8, 4
"""Free words that are sampled, and held ones that are chosen."""

WAYS_MAX = 24
"""Ways of saying a claim that the model is shown, drawn where there are more."""

HELD_TEMPERATURE = 0.3
"""Of the choice among ways, in nats a token."""

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

NAME = f"{{{SPEAKER}}}"
ENDS = re.compile(r"[.?!…][\"')”]*$")


class Freedom(StrEnum):
    """Whose words they are."""

    FREE = "free"
    """The model's own."""
    HELD = "held"
    """Those of several clauses for the claim that the model finds likeliest."""


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
    freedom: Freedom = Freedom.FREE


@dataclass(frozen=True, slots=True)
class Sought:
    """A plan for which words are looked for.

    Attributes:
        voice: that the model was trained for; "": nobody in particular.
        tails: what the voice adds behind the claim.
    """

    named: Lettered
    voice: str
    seed: str = field(repr=False)
    tails: Sequence[Tail]

    @property
    def plan(self) -> LinePlan:
        """The plan, with letters."""
        return self.named.plan

    def wording(
        self, head: str, score: float, freedom: Freedom, stopped: str = "", times: int = 1
    ) -> Wording:
        """Return words whose claim is said, with an end that is drawn."""
        tail = _drawn(self.tails, f"{self.seed} {head}")
        template = f"{head} {tail.text}" if tail else head
        if self.plan.act == Act.INTRODUCE and NAME not in head:  # where one works is not yet who one is
            template = f"I am {NAME}. {template}"
        text, lines = fill(template, self.named.fillings), (tail.id,) if tail else ()
        return Wording(self.plan, template, text, score, lines, stopped, times, freedom)


@dataclass(frozen=True, slots=True)
class SmallModel:
    """Has words for plans.

    Attributes:
        tongues: voices that it was trained for, ``harbour/ferryman``; others speak as nobody in particular.
        signatures: predicates that it was trained for; it has no words for others.
        vocabulary: words that somebody wrote.
        ways: clauses for each predicate, that it may be held to.
    """

    engine: Sampling
    tongues: Mapping[str, Tongue]
    signatures: Mapping[str, Signature]
    vocabulary: Collection[str]
    ways: Ways = field(default_factory=dict)
    count: int = COUNT
    temperature: float = TEMPERATURE

    def sought(self, saying: Saying, voice: str, heard: Heard, seed: str) -> Sought | None:
        """Return what words are looked for; None: it has none for such a plan."""
        named = lettered(saying)
        if named is None or not saying.claims or saying.act == Act.ASK:
            return None
        if not all(claim.predicate in self.signatures for claim in saying.claims):
            return None
        own = voice if voice in self.tongues else ""
        return Sought(named, own, seed, tails_for(self.tongues[own], saying, heard) if own else [])

    async def wordings(self, saying: Saying, voice: str, heard: Heard, seed: str) -> list[Wording]:
        """Return different words of the model's own for a plan, the likeliest first; the same for the same.

        Raises:
            EngineError: the engine could not answer.
        """
        sought = self.sought(saying, voice, heard, seed)
        return await self.free(sought) if sought else []

    async def free(self, sought: Sought) -> list[Wording]:
        """Return different words of the model's own, the likeliest first; the same for the same arguments.

        Raises:
            EngineError: the engine could not answer.
        """
        asked = ask_for(sought.plan, sought.voice, Length.SHORT)
        samples = await self.engine.samples(
            SamplesAsk(
                prompt=asked.prompt,
                count=self.count,
                max_tokens=TOKENS_MAX,
                temperature=self.temperature,
                seed=_number(f"{sought.seed} {asked.prompt}"),
                without=tuple(foreign(asked.letters)),
            )
        )
        heads = Counter(head_of(asked.line(sample.text), sought.plan.letters) for sample in samples)
        stopped = {head: self._stopped(head) for head in heads}
        scores = await self._scores(sought.plan, sought.voice, [head for head in heads if not stopped[head]])
        made = []
        for head, times in heads.items():
            score, meant = scores.get(head, (UNUSABLE, True))
            why = stopped[head] if meant else OTHERWISE
            made.append(sought.wording(head, score, Freedom.FREE, why, times))
        return _best_first(made)

    async def held(self, sought: Sought) -> list[Wording]:
        """Return clauses for the claim that the model finds likely, the likeliest first.

        They are drawn by the model's own chances, tempered, without putting back; the same for the same
        arguments. [] where a claim has no clause.

        Raises:
            EngineError: the engine could not answer.
        """
        ways = ways_of(sought.plan, sought.named.fillings, self.ways)
        ways.sort(key=lambda way: _number(f"{sought.seed} {way}"))
        del ways[WAYS_MAX:]
        genre = sought.voice.partition("/")[0]
        asked = [ask_for(sought.plan, whose, Length.SHORT) for whose in (sought.voice, genre)]
        chances = await self.engine.chances(
            [(each.prompt, each.written(way)) for way in ways for each in asked]
        )
        scores = {
            way: own + VOICE_WEIGHT * (own - anybody)
            for way, own, anybody in zip(ways, chances[::2], chances[1::2], strict=True)
        }
        ways.sort(key=lambda way: scores[way] + HELD_TEMPERATURE * _gumbel(f"{sought.seed} {way}"))
        return _best_first([sought.wording(way, scores[way], Freedom.HELD) for way in ways[-HELD:]])

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


def _best_first(made: list[Wording]) -> list[Wording]:
    return sorted(made, key=lambda each: (-each.score, each.text))


def _gumbel(seed: str) -> float:
    """Return a draw by which the largest of several sums is drawn as their chances are (Gumbel, 1954)."""
    share = (_number(seed) + 0.5) / 2 ** (8 * SEED_BYTES)
    return -log(-log(min(share, 1 - 1e-12)))


def _drawn(tails: Sequence[Tail], seed: str) -> Tail | None:
    number = _number(seed)
    if not tails or number % BARE_IN == 0:
        return None
    return tails[number // BARE_IN % len(tails)]
