"""Everything that receives and acts: command handlers, process managers, and effects such as inference.

How the program puts them together::

    runner = CommandRunner(log, codec, [REGISTRY, INFERENCES])
    registry = RegistryView(log, decode=codec.decode)  # registry.run() belongs in a task
    inference = InferenceService(runner, registry, {"embedded": engine})  # engines by a model's provider
    commands = {**dict.fromkeys(runner.commands, runner), "inference.generate": inference}
    queries = {"registry.current": registry.answer, **Queries(pool, log).handlers()}
"""
