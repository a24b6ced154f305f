"""The story: what is known and said in the world, and how."""
