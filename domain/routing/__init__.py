"""Routing: which engine answers a turn, when to refuse, when to give up on one. Pure."""
