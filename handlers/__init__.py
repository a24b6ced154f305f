"""Everything that receives and acts: command handlers, process managers, and effects such as inference.

One folder a context, in layers: `kernel` (the command loop) and `engines` at the bottom, then `routing`, then
what needs a router, then `inference` and `batch`. `aicore.wiring` puts them together.
"""
