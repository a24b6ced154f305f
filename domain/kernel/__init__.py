"""The base of every context: deciders, declarations, parsing, the shared vocabulary."""
