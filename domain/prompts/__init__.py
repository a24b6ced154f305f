"""Prompt templates: versioned, registered, and assembled under a budget of tokens."""
