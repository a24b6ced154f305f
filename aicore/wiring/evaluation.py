"""Evaluations and suites; what an evaluation found is told to the registry."""

from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from aicore.wiring.scorers import load_scorers
from domain.evaluation.messages import StartEvaluation
from domain.registry.verdicts import VERDICTS
from handlers.evaluation.commands import EVALUATIONS, EvaluationStart, suites
from handlers.registry.commands import VERDICT_RECORDS


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(EVALUATIONS,), serve={"commands": _commands})


async def _commands(parts: Parts) -> None:
    """Suites may use the scorers that the settings name, which only this component must be able to load."""
    own = parts.runner(suites(load_scorers(parts.settings.scorers)))
    parts.served.commands |= dict.fromkeys(own.commands, own)
    parts.served.commands[StartEvaluation.command_name] = EvaluationStart(parts.log, parts.codec)
    await parts.process(VERDICTS, VERDICT_RECORDS)
