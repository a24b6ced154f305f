"""The composition root: how the parts become components, in one process or in many.

Everything is opened here and lent to the parts below, which never open anything shared themselves. All
components of a process share one log, one NATS connection and one pool per role.
"""

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
from nats.aio.client import Client as Nats

from aicore.client import Client, Refused
from aicore.clock import new_id, now_us
from aicore.content.guardrails import DEFAULT_PROFILE, load_policy
from aicore.content.scenes import closing_line, known_scene
from aicore.content.speech import load_speech
from aicore.content.suites import contradictions
from aicore.content.world import load_world
from aicore.http.openai import OpenAIDoor, serving_http
from aicore.running import System
from aicore.settings import Settings
from aicore.supervisor import Component, run_components
from aicore.wiring.classifier import classifier_of
from aicore.wiring.scorers import load_scorers
from aicore.wiring.sealing import seal_of
from aicore.wiring.tiers import MODELS, build, default_file, own_engine, read_file, vllm_file
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect
from bus.nats.service import ServiceOptions, serve
from bus.nats.tokens import cancellable, token_giver
from bus.nats.work_queue import NatsWorkQueue
from bus.ports import EventLog
from bus.postgres.connect import connect_pool
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from bus.relay.relay import Relay, RelayOptions
from bus.spool.spool import SpoolOptions, open_free_spool
from domain.evaluation.messages import StartEvaluation
from domain.guardrails.compiled import compile_policy
from domain.inference.facts import DEADLINE_MS_MAX
from domain.inference.messages import Generate
from domain.kernel.event import Event, Query
from domain.optimisation.proposals import OPTIMISER
from handlers.batch.batches import BATCH_RECORDS, BATCHES, BatchesQuery, BatchView, ResultsQuery
from handlers.batch.bronze import Bronze, Workshop
from handlers.guardrails.board import PolicyQuery, ViolationBoard, ViolationsQuery
from handlers.guardrails.guard import POLICY_BINDING, VIOLATION_BINDING, ActivePolicy, Guardrails, Redacting
from handlers.inference.allowances import AllowanceLimits, Allowances
from handlers.inference.records import INFERENCES, RATINGS, InferenceRecords, recall_with
from handlers.inference.service import InferenceService
from handlers.kernel.commands import CommandRunner
from handlers.optimisation.optimiser import OPTIMISATION, OPTIMISATION_RECORDS, Optimiser, ProposalsQuery
from handlers.registry.commands import EVALUATIONS, REGISTRY, TEMPLATES, VERDICTS, EvaluationStart, suites
from handlers.registry.deployment_board import DeploymentBoard, DeploymentsQuery
from handlers.registry.deployments import GATES, DeploymentManager
from handlers.registry.engine_keeper import EngineKeeper
from handlers.registry.known_use_cases import FOR_A_USE_CASE, KnownUseCase
from handlers.registry.models import CurrentQuery, RegistryView, TemplatesQuery
from handlers.registry.verdicts import VerdictTeller
from handlers.relay.commands import CONFIRMATIONS
from handlers.routing.router import Router
from handlers.routing.tier_board import TierBoard, TiersQuery
from projections.inference.stats import INFERENCE_STATS
from projections.kernel.runner import ProjectionRunner
from projections.queries import Queries, QueryHandler
from projections.registry.current_models import CURRENT_MODELS
from protocol.errors import WireError

ORDER = ("commands", "inference", "queries", "relay", "projections")
"""Every component there is."""

SERVICES = frozenset({"commands", "inference", "queries"})
"""Those that answer requests. In one process they are one NATS service."""

PLAYERS_WORDS = ("batch.add_items",)
"""Commands whose payload holds what players wrote; those of inference.generate its service checks."""

DEADLINE_BEYOND_INFERENCE_S = 5.0
"""A service's deadline is so much later than the longest that a question may set itself: inference keeps
those, and who were cancelled from without would leave a question without an outcome."""

TIERS_ASKED_S = 2.0
"""Longest wait for what the tiers serve; the optimiser asks again at its next look."""

VIEWS = (CURRENT_MODELS, INFERENCE_STATS)

_BINDINGS = (
    REGISTRY,
    TEMPLATES,
    RATINGS,
    BATCHES,
    POLICY_BINDING,
    VIOLATION_BINDING,
    EVALUATIONS,
    OPTIMISATION,
    CONFIRMATIONS,
)

Ready = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the components of one process share."""

    settings: Settings
    system: System
    log: EventLog
    nc: Nats
    components: frozenset[str] = frozenset()
    pools: Mapping[str, asyncpg.Pool] = field(default_factory=dict)
    codec: EventCodec = field(default_factory=lambda: EventCodec(domain_catalogue()))


async def run(
    settings: Settings,
    system: System,
    components: Collection[str],
    *,
    stop: asyncio.Event,
    on_ready: Ready,
) -> None:
    """Apply migrations, run ``components`` (of `ORDER`) until ``stop``, and stop them in order.

    Raises:
        MigrationError: the database's schema was made by other files than ours.
        BrokerUnreachable, OSError: a server cannot be reached at the start.
    """
    await migrate(system.postgres_dsn, system.realm)
    async with _parts(settings, system, components) as parts:
        chosen = [
            Component(name, partial(serve_part, parts), drains=name == "services")
            for name, serve_part in (
                ("services", _services),
                ("relay", _relay),
                ("projections", _projections),
            )
            if name in components or (name == "services" and SERVICES & set(components))
        ]
        await run_components(chosen, stop=stop, on_ready=on_ready)


@asynccontextmanager
async def _parts(settings: Settings, system: System, components: Collection[str]) -> AsyncIterator[Parts]:
    """Open what ``components`` share; connections close in reverse order."""
    dsn, realm = system.postgres_dsn, system.realm
    writes = bool({"commands", "inference"} & set(components))
    roles = {"queries": "aicore_reader", "projections": "aicore_projector"}
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_log(dsn, realm, now_us=now_us, writer=writes))
        pools = {
            name: await stack.enter_async_context(_pool(dsn, realm, role, settings.pool_size_max))
            for name, role in roles.items()
            if name in components
        }
        name = f"aicore {realm} {' '.join(sorted(components))}"
        nc = await stack.enter_async_context(connect(system.nats_url, name=name))
        yield Parts(settings, system, log, nc, frozenset(components), pools)


@asynccontextmanager
async def _pool(dsn: str, realm: str, role: str, size_max: int) -> AsyncIterator[asyncpg.Pool]:
    pool = await connect_pool(dsn, realm, role=role, size_max=size_max)
    try:
        yield pool
    finally:
        # Every transaction has ended with its component; a session that hangs must not hold up the stop.
        pool.terminate()


# --- the components: each calls ``ready`` once it serves ----------------------------------------------------


@dataclass(slots=True)
class _Served:
    """What the services of this process answer."""

    commands: dict[str, Any] = field(default_factory=dict)
    queries: dict[type[Query], QueryHandler] = field(default_factory=dict)
    malformed: dict[str, Callable[[WireError], None]] = field(default_factory=dict)


async def _services(parts: Parts, ready: Ready, stop: asyncio.Event) -> None:
    """Answer commands and queries until ``stop``; those under way are finished."""
    async with AsyncExitStack() as stack:
        registry, served = RegistryView(parts.log, decode=parts.codec.decode), _Served()
        if "commands" in parts.components:
            await _serve_commands(parts, registry, served, stack)
        if "inference" in parts.components:
            await _serve_inference(parts, registry, served, stack)
        if "queries" in parts.components:
            await _serve_queries(parts, registry, served, stack)
        await stack.enter_async_context(_running(registry.run()))
        options = ServiceOptions(
            new_id=new_id,
            malformed=served.malformed,
            deadlines_s={Generate.command_name: DEADLINE_MS_MAX / 1e3 + DEADLINE_BEYOND_INFERENCE_S},
            # Only who has everything may say that a name is unknown.
            catch_all=parts.components >= SERVICES,
        )
        queries = {query.query_name: answer for query, answer in served.queries.items()}
        async with serve(parts.nc, parts.system.realm, served.commands, queries, options):
            ready()
            await stop.wait()


async def _policy(parts: Parts, stack: AsyncExitStack) -> ActivePolicy:
    """Return the policy that holds, known before anything is said, and kept up to date."""
    compiled = compile_policy(load_policy(), DEFAULT_PROFILE)
    policy = ActivePolicy(parts.log, compiled, decode=parts.codec.decode)
    await policy.load()
    await stack.enter_async_context(_running(policy.run()))
    return policy


async def _serve_commands(
    parts: Parts, registry: RegistryView, served: _Served, stack: AsyncExitStack
) -> None:
    own = load_scorers(parts.settings.scorers)
    runner = CommandRunner(parts.log, parts.codec, [*_BINDINGS, suites(own)])
    served.commands |= dict.fromkeys(runner.commands, runner)
    served.commands |= dict.fromkeys(FOR_A_USE_CASE, KnownUseCase(runner, registry))
    served.commands[StartEvaluation.command_name] = EvaluationStart(parts.log, parts.codec)
    policy = await _policy(parts, stack)
    served.commands |= dict.fromkeys(PLAYERS_WORDS, Redacting(runner, policy))
    teller = VerdictTeller(
        parts.log, CommandRunner(parts.log, parts.codec, [VERDICTS]), decode=parts.codec.decode
    )
    await stack.enter_async_context(_running(teller.run()))
    doer = CommandRunner(parts.log, parts.codec, [REGISTRY, OPTIMISATION_RECORDS])
    optimiser = Optimiser(
        parts.log,
        doer,
        decode=parts.codec.decode,
        now_us=now_us,
        tiers=partial(ask_tiers, parts.nc, parts.system.realm),
    )
    await stack.enter_async_context(_running(optimiser.run()))
    served.queries[ProposalsQuery] = optimiser.answer


async def ask_tiers(nc: Nats, realm: str) -> Any:
    """Ask an inference service, here or in another process, for its tiers and engines.

    Raises:
        ConnectionError: none answers.
    """
    client = Client(nc, realm, OPTIMISER)
    try:
        async with asyncio.timeout(TIERS_ASKED_S):
            return (await client.query(TiersQuery.query_name)).result
    except (Refused, WireError, TimeoutError) as error:
        raise ConnectionError(f"inference.tiers: {error!r}") from error


async def _serve_inference(
    parts: Parts, registry: RegistryView, served: _Served, stack: AsyncExitStack
) -> None:
    service, router = await _inference(parts, registry, stack)
    batches = BatchView(parts.log, decode=parts.codec.decode)
    await stack.enter_async_context(_running(batches.run()))
    served.queries |= {BatchesQuery: batches.answer_list, ResultsQuery: batches.answer_results}
    if parts.settings.bronze_concurrent:
        recorder = CommandRunner(parts.log, parts.codec, [BATCH_RECORDS])
        queue = NatsWorkQueue(parts.nc, parts.system.realm)
        stack.push_async_callback(queue.close)
        workers = parts.settings.bronze_concurrent
        shop = Workshop(batches, queue, recorder, service, router, new_id, workers)
        await stack.enter_async_context(_running(Bronze(shop).run()))
    served.commands["inference.generate"] = service
    served.malformed["inference.generate"] = service.malformed
    served.queries[TiersQuery] = TierBoard(router).answer
    if port := parts.system.http_port or parts.settings.http_port:
        door = OpenAIDoor(service, registry, new_id=new_id, key=parts.settings.http_key)
        await stack.enter_async_context(serving_http(door.app(), parts.settings.http_host, port))


async def _serve_queries(
    parts: Parts, registry: RegistryView, served: _Served, stack: AsyncExitStack
) -> None:
    answers = Queries(parts.pools["queries"], parts.log)
    board = DeploymentBoard(parts.log, decode=parts.codec.decode)
    await stack.enter_async_context(_running(board.run()))
    violations = ViolationBoard(parts.log, load_policy(), decode=parts.codec.decode)
    await stack.enter_async_context(_running(violations.run()))
    served.queries |= {
        CurrentQuery: registry.answer,
        DeploymentsQuery: board.answer,
        ViolationsQuery: violations.answer,
        PolicyQuery: violations.answer_policy,
        TemplatesQuery: registry.answer_templates,
    }
    served.queries |= answers.handlers()


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do ``work`` in the background while the context is open."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()


async def _inference(
    parts: Parts, registry: RegistryView, stack: AsyncExitStack
) -> tuple[InferenceService, Router]:
    """Return the inference service and its router, with the engines of this process started."""
    settings = parts.settings
    runner = CommandRunner(parts.log, parts.codec, [INFERENCES])
    if settings.engines_file:
        file = read_file(settings.engines_file)
    elif parts.system.vllm_urls:
        file = vllm_file(settings, parts.system.vllm_urls)
    else:
        file = default_file(settings)
    tiers, engines = build(file)
    for engine in engines:
        await engine.start()
        stack.push_async_callback(engine.stop)
    options = SpoolOptions(now_us=now_us, draw=random.SystemRandom().random)
    spool = await stack.enter_async_context(
        open_free_spool(parts.system.state_dir / "spool", parts.log, options)
    )

    def left(stream: str) -> list[Event]:
        decode = parts.codec.decode_payload
        return [decode(event.type, event.schema_version, event.payload) for event in spool.left(stream)]

    recall = recall_with(runner, left)
    records = InferenceRecords(spool, parts.codec, recall, now_us=now_us, new_id=new_id)
    router = Router(
        tiers,
        clock=time.perf_counter,  # uvloop's own counts whole milliseconds
        draw=random.random,
        on_engine_state=records.engine_state,
    )
    await stack.enter_async_context(_running(router.run()))
    folders = [parts.system.state_dir / "models", MODELS]
    keeper = EngineKeeper(router, partial(own_engine, settings, folders))
    stack.push_async_callback(keeper.close)
    gates = CommandRunner(parts.log, parts.codec, [GATES])
    manager = DeploymentManager(parts.log, gates, keeper, decode=parts.codec.decode, now_us=now_us)
    await stack.enter_async_context(_running(manager.run()))
    give = token_giver(parts.nc)
    limits = AllowanceLimits(
        player_requests=settings.player_requests_per_s,
        player_tokens=settings.player_tokens_per_s,
        service_requests=settings.service_requests_per_s,
    )
    policy = await _policy(parts, stack)
    world, speech = load_world(settings.content_file), load_speech()
    service = InferenceService(
        records,
        registry,
        router,
        timeout_s=settings.inference_timeout_s,
        give=give,
        allowances=Allowances(limits, time.perf_counter),
        scenes=partial(known_scene, world),
        guard=Guardrails(
            policy,
            partial(closing_line, world, speech),
            records.violation,
            contradictions(world, speech),
            await classifier_of(settings.guard_classifier, router, parts.system.state_dir / "models"),
            seal.close if (seal := seal_of(settings)) else None,
        ),
    )
    await stack.enter_async_context(cancellable(parts.nc, parts.system.realm, service.cancel))
    return service, router


async def _relay(parts: Parts, ready: Ready, _stop: asyncio.Event) -> None:
    """Carry the log into JetStream; another process may lead, then this one stands by."""
    options = RelayOptions(now_us=now_us, name=f"{socket.gethostname()}:{parts.system.pid}")
    relay = Relay(parts.system.postgres_dsn, parts.nc, parts.system.realm, options)
    ready()
    await relay.run()


async def _projections(parts: Parts, ready: Ready, _stop: asyncio.Event) -> None:
    """Keep the read models."""
    runners = projection_runners(parts.pools["projections"], parts.log, parts.codec)
    async with asyncio.TaskGroup() as group:
        for runner in runners.values():
            group.create_task(runner.run())
        ready()


def projection_runners(
    pool: asyncpg.Pool, log: EventLog, codec: EventCodec
) -> Mapping[str, ProjectionRunner]:
    """Return a runner for every projection, by name."""
    return {
        view.name: ProjectionRunner(pool, log, view, decode=codec.decode, now_us=now_us) for view in VIEWS
    }
