"""A use case's models and deployments: which models there are, which one serves, how a new one takes over.

Both live in the use case's stream, so one expected version keeps every rule that spans them: one deployment
at a time, one current model, shares that are 100 together.
"""
