"""People: who leads them, what they decide by, and how they are, in memory."""
