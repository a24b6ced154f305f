-- The journal: every quest that somebody took, as it stands. Can be dropped and rebuilt from the log.
-- Locks: a new table only.
CREATE TABLE quest_journal (
    instance text COLLATE "C" PRIMARY KEY,
    quest text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    players text[] NOT NULL,                -- who is on it, or was when it ended
    terms jsonb NOT NULL,                   -- the quest as it was taken
    stage text NOT NULL,
    done jsonb NOT NULL,                    -- objectives that are done: lists of stage and number
    stands_for jsonb NOT NULL,              -- who takes whose place
    due_ms bigint,
    outcome text NOT NULL,                   -- '' | completed | failed | closed | abandoned
    end_id text NOT NULL,
    told text NOT NULL,                     -- what it ended with; '' while it runs
    taken_ms bigint NOT NULL,
    over_ms bigint,
    position bigint NOT NULL                -- of the last change
);
-- A player's quests.
CREATE INDEX quest_journal_players ON quest_journal USING gin (players);

GRANT SELECT, INSERT, UPDATE, DELETE ON quest_journal TO aicore_projector;
GRANT SELECT ON quest_journal TO aicore_reader;
