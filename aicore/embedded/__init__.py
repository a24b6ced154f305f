"""Postgres and NATS from their wheels, run as children of this process with their data in one directory."""

from aicore.embedded.nats import EmbeddedNats
from aicore.embedded.postgres import EmbeddedPostgres
from aicore.embedded.process import EmbeddedServerError

__all__ = ["EmbeddedNats", "EmbeddedPostgres", "EmbeddedServerError"]
