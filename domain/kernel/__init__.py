"""What every context stands on: deciders, declarations, parsing, the shared vocabulary."""
