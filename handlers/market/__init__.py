"""Markets: the stalls in memory, orders, and the one who opens each stall's day."""
