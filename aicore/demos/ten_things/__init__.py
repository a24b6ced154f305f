"""Ten things that people would notice at once in a living world, shown on a system of its own."""
