"""A world's definition: what a designer writes of it, as typed values, and what may be wrong with them."""
