"""Messages on the wire: bytes in, values out, and back; no I/O, no domain types."""
