"""What the end of a turn counts as, decided once for all who count: recording, gate, optimiser, repeats."""
