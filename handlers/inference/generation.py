"""The stage that asks the engines, through the router, and guards the answer on its way out."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from domain.inference.recording import RecordCompletion
from handlers.inference.guarding import Guard
from handlers.inference.replies import blocked_completion, completion_of
from handlers.inference.turn import Sharing, Turn
from handlers.routing.router import Router
from handlers.routing.turns import Routed


class Generation:
    """Has answers made, piece by piece."""

    def __init__(self, router: Router, guard: Guard) -> None:
        self._router = router
        self._guard = guard

    async def generate(self, turn: Turn, sharing: Sharing) -> RecordCompletion:
        """Have (the rest of) a turn's answer made and given; ``sharing`` gets each piece, too.

        Raises:
            EngineError, NoEngine, DeadlineExceeded: see `Router.stream`.
            CallerGone: nobody takes the pieces any more.
        """
        before, tokens = turn.text, turn.tokens
        began, first = self._router.now(), None
        guarded = turn.guarded = self._guard.answer(before)
        sharing.found = guarded.found
        held = 0  # tokens whose words are held back
        async with aclosing(self._router.stream(turn.routed.after(before, tokens))) as items:
            async for item in items:
                if isinstance(item, Routed):
                    end = await self._finished(turn, item, sharing, held, length=len(before))
                    if not guarded.blocked:
                        return completion_of(turn.request, end, before=before, tokens=tokens)
                    break
                first = self._router.now() if first is None else first
                with turn.checks:
                    text = await guarded.release(guarded.feed(item.text))
                turn.tokens, held = turn.tokens + item.tokens, held + item.tokens
                if text:
                    sharing.gave(text, held)
                    held = 0
                    await turn.take(text)
                if guarded.blocked:
                    break
        return await self._blocked(turn, began, first)

    async def _finished(self, turn: Turn, end: Routed, sharing: Sharing, held: int, *, length: int) -> Routed:
        """Give what the guard held back until the end; return the end with what was really given.

        ``length``: of the text that was given before.
        """
        if end.finish_reason == "authored" or turn.guarded is None:
            return end
        with turn.checks:
            rest = await turn.guarded.release(turn.guarded.finish(), end=True)
        if rest:
            sharing.gave(rest, held)
            await turn.take(rest)
        return replace(end, text=turn.text[length:])

    async def _blocked(self, turn: Turn, began: float, first: float | None) -> RecordCompletion:
        """End an answer that broke the policy; its first token came at ``first``."""
        first = self._router.now() if first is None else first
        base = blocked_completion(
            turn.request,
            turn.routed,
            ttft_ms=(first - began) * 1e3,
            tokens=(self._count(turn)(turn.routed.ask.prompt), turn.tokens),
        )
        return await self.close(turn, began, base)

    async def close(self, turn: Turn, began: float, base: RecordCompletion | None = None) -> RecordCompletion:
        """End a turn with the character's own line: its subject is closed. ``base``: what is known of it."""
        await turn.take(self._guard.closing(turn.request, turn.text))
        took_ms = round((self._router.now() - began) * 1e3, 3)
        base = base or blocked_completion(turn.request, None, ttft_ms=took_ms, tokens=(0, 0))
        changes = {"inference_id": turn.id, "text": turn.text, "latency_ms": took_ms}
        return base.model_copy(update=changes)

    def _count(self, turn: Turn) -> Callable[[str], int]:
        """Return what counts tokens as the turn's model does."""
        return self._router.counter(turn.request.tier, turn.request.provider, turn.routed.model)
