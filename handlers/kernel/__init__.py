"""The base of every handler: the command loop and the bounded look-up."""
