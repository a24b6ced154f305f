"""The versions of one template. One stream: ``template-{name}``."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.kernel.decider import Decider, Rejected
from domain.prompts.messages import RegisterTemplate, TemplateFacts, TemplateRegistered


def stream_of(name: str) -> str:
    """Return the stream of a template's versions."""
    return f"template-{name}"


def label(template: TemplateFacts) -> str:
    """Return name and version as a model's configuration names them."""
    return f"{template.name}@{template.version}"


def digest_of(template: TemplateFacts) -> str:
    """Return the digest of what decides about a prompt: SHA-256 of its canonical JSON.

    A section without a role is written as before there were any, so that older digests stand.
    """
    content = template.model_dump(include={"sections", "separator", "reserved", "budget"})
    for section in content["sections"]:
        if section["role"] is None:
            del section["role"]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class TemplateVersions:
    """Every version of a template."""

    versions: Mapping[str, TemplateRegistered] = field(default_factory=dict)


def evolve(state: TemplateVersions, event: TemplateRegistered) -> TemplateVersions:
    """Return the state after ``event``."""
    return replace(state, versions={**state.versions, event.version: event})


def decide(command: RegisterTemplate, state: TemplateVersions) -> Sequence[TemplateRegistered]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: ``template_exists``.
    """
    digest = digest_of(command)
    known = state.versions.get(command.version)
    if known is None:
        return [TemplateRegistered.model_validate({**command.model_dump(), "digest": digest})]
    if known.digest == digest:
        return []
    raise Rejected(
        "template_exists",
        f"{label(command)} is registered with other content ({known.digest})",
        field="version",
        remedy="register the change as a new version, and name that in the model's configuration",
    )


TEMPLATE: Decider[RegisterTemplate, TemplateRegistered, TemplateVersions] = Decider(
    TemplateVersions(), decide, evolve
)
