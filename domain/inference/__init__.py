"""Inference: what was asked of a model, what it answered, and everything needed to explain it later."""
