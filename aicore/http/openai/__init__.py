"""The OpenAI-compatible door, by OpenAI's published request types: each field is served, refused or told."""
