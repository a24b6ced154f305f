"""Every context there is. Add yours here; catalogue, documents, services, views and tests read this."""

from domain.batch import CONTEXT as BATCH
from domain.evaluation import CONTEXT as EVALUATION
from domain.guardrails import CONTEXT as GUARDRAILS
from domain.inference import CONTEXT as INFERENCE
from domain.optimisation import CONTEXT as OPTIMISATION
from domain.projections import CONTEXT as PROJECTIONS
from domain.prompts import CONTEXT as PROMPTS
from domain.registry import CONTEXT as REGISTRY
from domain.relay import CONTEXT as RELAY
from domain.routing import CONTEXT as ROUTING

CONTEXTS = (
    REGISTRY,
    EVALUATION,
    GUARDRAILS,
    OPTIMISATION,
    PROMPTS,
    INFERENCE,
    ROUTING,
    BATCH,
    RELAY,
    PROJECTIONS,
)
