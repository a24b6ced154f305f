"""Everything that receives and acts: command handlers, process managers, and effects such as inference.

How the program puts them together::

    runner = CommandRunner(log, codec, [REGISTRY, INFERENCES])
    registry = RegistryView(log, decode=codec.decode)  # registry.run() belongs in a task
    router = Router({"gold": Tier(engines=[engine])}, clock=clock, draw=draw)  # run it in a task, too
    inference = InferenceService(runner, registry, router)
    commands = {**dict.fromkeys(runner.commands, runner), "inference.generate": inference}
    queries = {CurrentQuery: registry.answer, **Queries(pool, log).handlers()}
"""
