"""Deployments: how a use case moves from its current model to a new one, judged turn by turn.

A deployment lives in its use case's stream beside the models, so one expected version keeps every rule that
spans both: one deployment at a time, one current model, shares that are 100 together.
"""
