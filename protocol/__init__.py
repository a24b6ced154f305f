"""What a message looks like on the wire: bytes in, values out, and back; no I/O, no domain types."""
