"""How facts are kept and carried: the Postgres log and the NATS fan-out behind `bus.ports`."""
