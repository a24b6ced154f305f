-- What every stall posted, at every game day. Can be dropped and rebuilt from the log. Locks: new table only.
CREATE TABLE market_prices (
    market text COLLATE "C" NOT NULL,
    good text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    day bigint NOT NULL,
    level bigint NOT NULL,                  -- thousandths of the usual price
    price bigint NOT NULL,                  -- of one, in the smallest coin
    stock bigint NOT NULL,
    bought bigint NOT NULL,
    sold bigint NOT NULL,
    wanted bigint NOT NULL,
    arrives bigint NOT NULL,
    coming bigint NOT NULL,
    PRIMARY KEY (market, good, position)
);
-- A stall's history over all its goods; with one good the primary key serves.
CREATE INDEX market_prices_newest ON market_prices (market, position);

GRANT SELECT, INSERT, UPDATE, DELETE ON market_prices TO aicore_projector;
GRANT SELECT ON market_prices TO aicore_reader;
