-- What every account has, and had at every position of the log, and where each unit came from and went.
-- Can be dropped and rebuilt from the log. Locks: new tables only.
CREATE TABLE ledger_balances (
    account text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    balance bigint NOT NULL,
    held bigint NOT NULL,
    position bigint NOT NULL,               -- of the last change
    PRIMARY KEY (account, unit)
);

CREATE TABLE ledger_entries (
    account text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    recorded_us bigint NOT NULL,
    kind text NOT NULL,                     -- transferred | held | hold_posted | hold_voided | hold_expired | reversed
    reason text NOT NULL,                   -- '' of a hold that expired
    balance bigint NOT NULL,                -- after it
    held bigint NOT NULL,
    PRIMARY KEY (account, unit, position)
);
-- An account's history over all its units; with one unit the primary key serves.
CREATE INDEX ledger_entries_account ON ledger_entries (account, position);

CREATE TABLE ledger_flows (
    unit text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,      -- a source or a sink
    reason text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,                 -- into the world; below zero: out of it
    PRIMARY KEY (unit, account, reason)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ledger_balances, ledger_entries, ledger_flows TO aicore_projector;
GRANT SELECT ON ledger_balances, ledger_entries, ledger_flows TO aicore_reader;
