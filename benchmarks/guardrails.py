"""The guardrails: time of a check, characters that slip through a stream, what is missed and wrongly blocked.

The attacks are made from a fixed seed: a line that must not pass, spelled in one or more strange ways, among
harmless ones, cut into pieces anywhere. A character is prohibited if it lies in a span that the check of the
whole text finds, with any action but to log.

Whoever wrote the rules also wrote the held-out lines, before them, so their recall is an upper bound. The
part called afterwards was written against the finished rules, in other words on purpose: a lower one. It was
there before the embedded classifier was trained, and not shown to who wrote its training texts.
"""

import gc
import importlib.util
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from aicore.content.corpus import Source
from aicore.content.guardrails import load_policy
from aicore.content.scenes import closing_line
from aicore.content.speech import load_speech
from aicore.content.world import load_world
from aicore.wiring.classifier import open_classifier
from benchmarks.guardrail_cases import CANARY, SPELLINGS, Case, load_cases
from benchmarks.harness import Progress, Report, percentile, rounds_of
from domain.guardrails.check import check
from domain.guardrails.compiled import Compiled
from domain.guardrails.compiler import compile_policy
from domain.guardrails.stream import StreamGuard
from domain.inference.facts import PROMPT_CHARACTERS_MAX
from handlers.guardrails.classifier import TEXT_MAX
from handlers.guardrails.embedded import EmbeddedClassifier
from handlers.guardrails.sentence_encoder import PACKAGE, VERSION, package_files

SEED = 20_261_121
ATTACKS, ATTACKS_QUICK = 100_000, 2_000
CHECKS, CHECKS_QUICK = 2_000, 200
CORPUS, CORPUS_QUICK = 2_000, 200
PARTS = ("development", "heldout", "afterwards")
PROFILE = "MatureFullExperience"
LINE_TOKENS = 60
TOKEN_LETTERS = 6
"""A token of the small models is a word with its space, or half of a long one."""
MASK = "—"
HOSTILE = ("*a", "*+", "|$@", "@!$+|", "!", "|", "+", "1", "$", "1 ", "1.", "1 2 3 4 ", "a.", "how to ")
"""The costliest shapes that a search among some hundred found, said again and again."""
TOKENS = "船港海山川風雪月火水"
"""Signs that are a token each to the embedded model."""


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("guardrails", rounds_of(quick))
    compiled = compile_policy(load_policy().model_copy(update={"canaries": [CANARY]}), PROFILE)
    cases = load_cases()
    progress("recall and false blocks")
    _judge(report, cases, compiled)
    harmless = [case.text for case in cases if case.expect == "pass" and case.side == "output"]
    attacks, counts = (ATTACKS_QUICK if quick else ATTACKS) // report.rounds, Counter[str]()
    for n in range(report.rounds):
        progress(f"round {n + 1}: time of a check")
        _time_checks(report, compiled, harmless, CHECKS_QUICK if quick else CHECKS)
        progress(f"round {n + 1}: streams of harmless lines")
        _stream_harmless(report, compiled, harmless, CHECKS_QUICK if quick else CHECKS)
        _time_fallback(report, compiled, cases)
        progress(f"round {n + 1}: {attacks} attacks")
        counts += attacked(compiled, cases, SEED + n, attacks)
    _report_attacks(report, counts)
    report.facts |= {
        "policy": compiled.policy.label,
        "profile": PROFILE,
        "attacks": attacks * report.rounds,
        "seed": SEED,
        "cases": len(cases),
    }
    _peers(report, cases)
    progress("the embedded classifier behind the rules")
    _second_opinion(report, cases, compiled, CORPUS_QUICK if quick else CORPUS)
    return report


# --- what is found ----------------------------------------------------------------------------------------


def _judge(report: Report, cases: Sequence[Case], compiled: Compiled) -> None:
    """Report how many lines that must stop do, and how many that must pass do not."""
    stopped = {case: not check(compiled, case.text, side=case.side).harmless for case in cases}
    for part in PARTS:
        mine = [case for case in cases if case.part == part]
        _shares(report, part, mine, lambda case: stopped[case])
        own = [_by_own_rule(compiled, case) for case in mine if case.expect == "stop"]
        report.add(f"{part}_recall_by_own_category", sum(own) / len(own), "share")
    missed: dict[str, int] = {}
    for case in cases:
        if case.part != "development" and stopped[case] != (case.expect == "stop"):
            key = f"{case.part}/{case.category}/{case.function}"
            missed[key] = missed.get(key, 0) + 1
    report.facts["wrong"] = missed


def _by_own_rule(compiled: Compiled, case: Case) -> bool:
    """Say whether a rule of the case's own category finds it, and not by chance another one."""
    findings = check(compiled, case.text, side=case.side).findings
    return any(found.category == case.category for found in findings)


def _shares(report: Report, label: str, cases: Sequence[Case], stops: Callable[[Case], bool]) -> None:
    suites: dict[str, list[Case]] = {}
    for case in cases:
        suites.setdefault(case.category, []).append(case)
    for category, suite in suites.items():
        share = sum(map(stops, suite)) / len(suite)
        what = "false_blocks" if category == "fiction" else "recall"
        report.add(f"{label}_{what}_{category}", share, "share")
    attacks = [case for case in cases if case.expect == "stop"]
    report.add(f"{label}_recall", sum(map(stops, attacks)) / len(attacks), "share")


def _peers(report: Report, cases: Sequence[Case]) -> None:
    """Put the held-out cases through word-list filters that are installed here."""
    mine = [case for case in cases if case.part == "heldout"]
    if importlib.util.find_spec("better_profanity"):
        profanity = importlib.import_module("better_profanity").profanity
        _shares(report, "better_profanity", mine, lambda case: bool(profanity.contains_profanity(case.text)))
    else:
        report.facts["better_profanity"] = "not installed: pip install better-profanity"
    if importlib.util.find_spec("profanity_check"):
        predict = importlib.import_module("profanity_check").predict
        _shares(report, "alt_profanity_check", mine, lambda case: bool(predict([case.text])[0]))
    else:
        report.facts["alt_profanity_check"] = "not installed: pip install alt-profanity-check"


# --- a second opinion -------------------------------------------------------------------------------------


def _second_opinion(report: Report, cases: Sequence[Case], compiled: Compiled, lines: int) -> None:
    """Report the same of the rules with the embedded classifier behind them, and what it takes."""
    if package_files() is None:
        report.facts["classifier"] = "not installed"
        return
    with tempfile.TemporaryDirectory() as folder:
        report.facts["classifier"] = f"{PACKAGE} {VERSION}"
        began = time.perf_counter()
        classifier = open_classifier(Path(folder))
        report.add("classifier_first_start", (time.perf_counter() - began) * 1e3, "ms")

    def stops(case: Case) -> bool:
        found = check(compiled, case.text, side=case.side)
        return not found.harmless or classifier.category(case.text, case.side) is not None

    for part in PARTS:
        mine = [case for case in cases if case.part == part]
        _shares(report, f"classified_{part}", mine, stops)
    passing = [case for case in cases if case.expect == "pass" and case.part != "development"]
    report.add("classified_false_blocks", sum(map(stops, passing)) / len(passing), "share")
    # Other draws than training's, but the same writer's sentences: what the world's characters say.
    source = Source(load_world(), load_speech(), random.Random(SEED + 1))
    corpus = [example.line for example in islice(source.examples(), lines)]
    blocked = sum(classifier.category(line, "output") is not None for line in corpus)
    report.add("classified_false_blocks_corpus", blocked / lines, "share")
    _time_sentences(report, classifier, corpus)
    # Windows that are alike are read once, so the costliest question is one of drawn signs, a token each.
    draws = random.Random(SEED)
    shapes = [*HOSTILE, "".join(draws.choice(TOKENS) for _ in range(TEXT_MAX))]
    slowest = max(_time_classified(classifier, shape) for shape in shapes)
    report.add("classified_hostile_question", slowest, "ms")


def _time_classified(classifier: EmbeddedClassifier, shape: str) -> float:
    """Return how long the longest question of a shape that may be asked takes the classifier, ms."""
    text = (shape * TEXT_MAX)[:TEXT_MAX]
    began = time.perf_counter_ns()
    classifier.category(text, "output")
    return (time.perf_counter_ns() - began) / 1e6


def _time_sentences(report: Report, classifier: EmbeddedClassifier, lines: Iterable[str]) -> None:
    """Report what each sentence of lines waits for, judged one after the other as a stream's are."""
    taken: list[float] = []
    for line in lines:
        known = 0
        while known < len(line):
            end = line.find(". ", known) + 1 or len(line)
            began = time.perf_counter_ns()
            classifier.category(line[:end], "output", known)
            taken.append((time.perf_counter_ns() - began) / 1e6)
            known = end
    report.add("classify_sentence_p50", percentile(taken, 0.50), "ms")
    report.add("classify_sentence_p99", percentile(taken, 0.99), "ms")


# --- time -------------------------------------------------------------------------------------------------


def tokens_of(text: str) -> list[str]:
    """Cut a text as a model would write it: words with the space before them, long ones in two."""
    tokens: list[str] = []
    for n, word in enumerate(text.split(" ")):
        piece = f" {word}" if n else word
        tokens += [piece[at : at + TOKEN_LETTERS] for at in range(0, len(piece), TOKEN_LETTERS)]
    return tokens


def _lines(harmless: Sequence[str], count: int, chance: random.Random) -> Iterable[str]:
    """Yield lines of `LINE_TOKENS` tokens made of harmless sentences."""
    for _ in range(count):
        tokens: list[str] = []
        while len(tokens) < LINE_TOKENS:
            tokens += [" ", *tokens_of(chance.choice(harmless))]
        yield "".join(tokens[1 : LINE_TOKENS + 1])


def _time_checks(report: Report, compiled: Compiled, harmless: Sequence[str], count: int) -> None:
    taken: list[float] = []
    for line in _lines(harmless, count, random.Random(SEED)):
        began = time.perf_counter_ns()
        check(compiled, line)
        taken.append((time.perf_counter_ns() - began) / 1_000)
    report.add("check_60_tokens_p50", percentile(taken, 0.50), "µs")
    report.add("check_60_tokens_p99", percentile(taken, 0.99), "µs")
    report.add("hostile_question", max(_time_hostile(compiled, shape) for shape in HOSTILE), "ms")


def _time_hostile(compiled: Compiled, shape: str) -> float:
    """Return how long the longest question takes, ms, if it is made of a shape that is costly to check."""
    text = (shape * PROMPT_CHARACTERS_MAX)[:PROMPT_CHARACTERS_MAX]
    began = time.perf_counter_ns()
    check(compiled, text, side="input")
    return (time.perf_counter_ns() - began) / 1e6


def _stream_harmless(report: Report, compiled: Compiled, harmless: Sequence[str], count: int) -> None:
    """Report what a token waits for: the guard's work, and characters that wait for what comes next."""
    taken: list[float] = []
    held: list[float] = []
    gc.collect()
    for line in _lines(harmless, count, random.Random(SEED)):
        guard = StreamGuard(compiled)
        for token in tokens_of(line):
            began = time.perf_counter_ns()
            guard.feed(token)
            taken.append((time.perf_counter_ns() - began) / 1_000)
            held.append(guard.held)
        guard.finish()
    report.add("stream_token_p50", percentile(taken, 0.50), "µs")
    report.add("stream_token_p99", percentile(taken, 0.99), "µs")
    report.add("held_p50", percentile(held, 0.50), "characters")
    report.add("held_p99", percentile(held, 0.99), "characters")
    report.add("held_max", max(held), "characters")


def _time_fallback(report: Report, compiled: Compiled, cases: Sequence[Case]) -> None:
    """Report how long after the piece that breaks the policy the character's own line is there."""
    world, speech = load_world(), load_speech()
    taken: list[float] = []
    for n, case in enumerate(case for case in cases if case.expect == "stop" and case.side == "output"):
        guard, npc = StreamGuard(compiled), world.npc[n % len(world.npc)].id
        for token in tokens_of(case.text):
            began = time.perf_counter_ns()
            guard.feed(token)
            if guard.blocked:
                closing_line(world, speech, npc)
                taken.append((time.perf_counter_ns() - began) / 1_000)
                break
    report.add("fallback_p99", percentile(taken, 0.99), "µs")


# --- attacks ----------------------------------------------------------------------------------------------


def attacked(compiled: Compiled, cases: Sequence[Case], seed: int, count: int) -> Counter[str]:
    """Send attacks through streams; count prohibited characters that came out, and splits that mattered."""
    chance, counts = random.Random(seed), Counter[str]()
    attacks = [case for case in cases if case.expect == "stop" and case.spelling == "plain"]
    known = {case for case in attacks if not check(compiled, case.text, side=case.side).harmless}
    harmless = [case.text for case in cases if case.expect == "pass"]
    for _ in range(count):
        case = chance.choice(attacks)
        text = disguised(case, harmless, chance)
        verdict = check(compiled, text, side=case.side)
        out, guard = _streamed(compiled, text, case.side, chance)
        hidden = {n for each in verdict.findings if each.action != "log" for n in range(each.start, each.end)}
        safe = "".join(char for n, char in enumerate(text[: guard.released]) if n not in hidden)
        found, given = not verdict.harmless, out.replace(MASK, "")
        counts["attacks"] += 1
        counts["found"] += found
        counts["known"] += case in known
        counts["known_found"] += found and case in known
        counts["prohibited"] += len(hidden)
        counts["released"] += max(0, len(given) - len(safe)) or given != safe
        counts["otherwise"] += out != verdict.text
    return counts


def _report_attacks(report: Report, counts: Mapping[str, int]) -> None:
    """Report the sums of all rounds: in a median of rounds what slipped through in two of five would be 0."""
    report.add("attacks_prohibited_characters", counts["prohibited"], "characters")
    report.add("attacks_prohibited_released", counts["released"], "characters")
    report.add("attacks_released_otherwise_than_whole", counts["otherwise"], "texts")
    report.add("attacks_found", counts["found"] / counts["attacks"], "share")
    # Of those whose wording the rules find in plain letters: what the disguise alone hides.
    report.add("attacks_found_of_known_wordings", counts["known_found"] / counts["known"], "share")


def disguised(case: Case, harmless: Sequence[str], chance: random.Random) -> str:
    """Return an attack spelled in up to two strange ways, between harmless sentences."""
    names = [name for name in SPELLINGS if name != "full_width"]
    text = case.text
    for name in chance.sample(names, chance.choice((0, 1, 1, 1, 2))):
        text = SPELLINGS[name](text)
    parts = [chance.choice(harmless), text, chance.choice(harmless)]
    return chance.choice((" ", "\n", ". ")).join(parts[chance.randrange(2) :]).replace(MASK, "")


def _streamed(
    compiled: Compiled, text: str, side: Literal["input", "output"], chance: random.Random
) -> tuple[str, StreamGuard]:
    """Return what a stream gives of a text that is cut at random, and its guard."""
    guard = StreamGuard(compiled, side)
    longest = chance.choice((1, 2, 4, 8, 16, 64))
    out: list[str] = []
    at = 0
    while at < len(text):
        to = at + chance.randint(1, longest)
        out.append(guard.feed(text[at:to]))
        at = to
    out.append(guard.finish())
    return "".join(out), guard
