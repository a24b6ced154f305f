"""The versions of one suite. One stream: ``suite-{name}``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.evaluation.messages import RegisterSuite, SuiteRegistered
from domain.evaluation.suite import check_scorers, digest_of, label
from domain.kernel.decider import Decider, Rejected


def stream_of(name: str) -> str:
    """Return the stream of a suite's versions."""
    return f"suite-{name}"


@dataclass(frozen=True, slots=True)
class SuiteVersions:
    """Every version of a suite."""

    versions: Mapping[str, SuiteRegistered] = field(default_factory=dict)


def evolve(state: SuiteVersions, event: SuiteRegistered) -> SuiteVersions:
    """Return the state after ``event``."""
    return replace(state, versions={**state.versions, event.version: event})


def suite_decider(known: Collection[str]) -> Decider[RegisterSuite, SuiteRegistered, SuiteVersions]:
    """Return the rules of suites where these scorers are known: the built-in ones and the operator's own."""

    def decide(command: RegisterSuite, state: SuiteVersions) -> Sequence[SuiteRegistered]:
        check_scorers(command, known)
        return _register(command, state)

    return Decider(SuiteVersions(), decide, evolve)


def _register(command: RegisterSuite, state: SuiteVersions) -> Sequence[SuiteRegistered]:
    digest = digest_of(command)
    known = state.versions.get(command.version)
    if known is None:
        return [SuiteRegistered.model_validate({**command.model_dump(), "digest": digest})]
    if known.digest == digest:
        return []
    raise Rejected(
        "suite_exists",
        f"{label(command)} is registered with other content ({known.digest})",
        field="version",
        remedy="register the change as a new version",
    )
