"""Everything that receives and acts: command handlers, process managers, and effects such as inference."""
