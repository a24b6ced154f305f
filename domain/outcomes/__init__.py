"""Outcomes of turns, decided once for all that count them: record, gate, optimiser, repeats."""
