"""Scores of people computed by a peer, in an environment of its own that has nothing of ours.

Usage: ``python benchmarks/scoring_child.py mesa|py_trees FILE ROUNDS``. FILE is JSON: curves as tables; of
each person how full each need is and how much it counts, what goes into the other curves for each action, and
whether it is refused, pressing, going on. Prints one JSON object: each round's CPU seconds, and the winners,
by which the caller sees that the numbers were the same.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FULL, MILLE = 1_000_000, 1_000
Given = dict[str, Any]


def urges_of(person: Given, given: Given) -> list[int]:
    """Return how much a person wants each need filled."""
    curve = given["want"]
    return [curve[level] * weight // MILLE for level, weight in zip(person["levels"], person["weights"])]  # noqa: B905 - it is measured


def score(person: Given, column: int, urges: list[int], given: Given) -> int:
    """Return an action's score, in whole millionths."""
    want = max(urge * count for urge, count in zip(urges, given["counts"][column])) // MILLE  # noqa: B905
    want = min(want, MILLE)
    if column == person["due"]:
        want = max(want, person["duty"])
    inputs, refused, pressing, going_on = person["actions"][column]
    found = want * MILLE
    for curve, each in zip(given["curves"], inputs):  # noqa: B905
        found = found * curve[each] // MILLE
    count = 1 + len(inputs)
    found += (FULL - found) * (count - 1) // count * found // FULL
    if pressing:
        found = found * given["rules"]["pressing"] // MILLE
    if going_on:
        found = found * given["rules"]["momentum"] // MILLE
    return -1 if refused else found


def of_mesa(given: Given, winners: list[int]) -> Callable[[], None]:
    """Return a tick: every agent is asked, in an order drawn anew."""
    import mesa  # type: ignore[import-not-found]  # noqa: PLC0415 - of its own environment

    idle = given["rules"]["idle"]

    class Someone(mesa.Agent):  # type: ignore[misc]
        """One person."""

        def __init__(self, model: Any, number: int) -> None:
            super().__init__(model)
            self.number, self.person = number, given["people"][number]

        def decide(self) -> None:
            urges, person = urges_of(self.person, given), self.person
            scores = [score(person, column, urges, given) for column in range(len(person["actions"]))]
            best = max(scores)
            winners[self.number] = len(scores) if best < idle else scores.index(best)

    model = mesa.Model(seed=1)
    for number in range(len(winners)):
        Someone(model, number)
    return lambda: model.agents.shuffle_do("decide")


def of_py_trees(given: Given, winners: list[int]) -> Callable[[], None]:
    """Return a tick: each person's tree is a selector over its actions, each a leaf that scores itself."""
    import py_trees  # type: ignore[import-not-found]  # noqa: PLC0415 - of its own environment

    idle, status = given["rules"]["idle"], py_trees.common.Status

    class Leaf(py_trees.behaviour.Behaviour):  # type: ignore[misc]
        """One action; the first begins anew, the last succeeds."""

        def __init__(self, best: list[Any], person: Given, column: int) -> None:
            super().__init__(str(column))
            self.best, self.person, self.column = best, person, column
            self.last = column == len(person["actions"]) - 1

        def update(self) -> Any:
            if self.column == 0:
                self.best[:] = [idle - 1, -1, urges_of(self.person, given)]
            found = score(self.person, self.column, self.best[2], given)
            if found > self.best[0]:
                self.best[:2] = [found, self.column]
            return status.SUCCESS if self.last else status.FAILURE

    bests: list[list[Any]] = [[0, 0, []] for _ in winners]
    trees = []
    for best, person in zip(bests, given["people"], strict=True):
        leaves = [Leaf(best, person, column) for column in range(len(person["actions"]))]
        trees.append(py_trees.composites.Selector("person", memory=False, children=leaves))

    def tick() -> None:
        for number, tree in enumerate(trees):
            tree.tick_once()
            column = bests[number][1]
            winners[number] = len(given["counts"]) if column < 0 else column

    return tick


def main(peer: str, file: str, rounds: int) -> Given:
    """Return times and winners."""
    given = json.loads(Path(file).read_text())
    winners = [0] * len(given["people"])
    tick = {"mesa": of_mesa, "py_trees": of_py_trees}[peer](given, winners)
    tick()
    took = []
    for _ in range(rounds):
        began = time.process_time()
        tick()
        took.append(time.process_time() - began)
    return {"took": took, "winners": winners}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
