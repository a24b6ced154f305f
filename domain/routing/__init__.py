"""Routing: which engine answers a turn, when to refuse, when to give up on an engine. Pure; no clock, no dice."""
