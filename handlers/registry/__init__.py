"""The registry in action: its commands, the models in memory, verdicts and deployments."""
