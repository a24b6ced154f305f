"""The ledger's one desk: decides all that is asked of it in memory, in the order of the log."""
