-- Schema 1. Released versions of this file never change: a later schema is
-- a further step in migrations().

-- One row a player. spec holds everything that defines the player's results, as
-- JSON with sorted keys; hash is its SHA-256. The columns after name repeat the
-- parts of it that tables and queries ask for.
CREATE TABLE players (
    id             INTEGER PRIMARY KEY,
    hash           TEXT NOT NULL UNIQUE,
    spec           TEXT NOT NULL,
    name           TEXT NOT NULL,
    kind           TEXT NOT NULL,
    engine         TEXT,
    version        TEXT,
    sha256         TEXT,
    skill_level    INTEGER,
    uci_elo        INTEGER,
    weights        TEXT,
    tokenizer      TEXT,
    temperature    REAL,
    top_k          INTEGER,
    top_p          REAL,
    illegal_policy TEXT,
    created_at     TEXT NOT NULL
) STRICT;

-- One row a set of games between two players under one configuration. hash is
-- the SHA-256 of config; how many games are wanted is no part of it.
CREATE TABLE matches (
    id             INTEGER PRIMARY KEY,
    hash           TEXT NOT NULL UNIQUE,
    config         TEXT NOT NULL,
    player_id      INTEGER NOT NULL REFERENCES players (id),
    opponent_id    INTEGER NOT NULL REFERENCES players (id),
    protocol       TEXT NOT NULL,
    openings       TEXT NOT NULL,
    player_limit   TEXT NOT NULL,
    opponent_limit TEXT NOT NULL,
    max_plies      INTEGER NOT NULL CHECK (max_plies >= 0),
    adjudication   TEXT NOT NULL,
    seed           TEXT NOT NULL,
    options        TEXT NOT NULL,
    program        TEXT NOT NULL,
    created_at     TEXT NOT NULL
) STRICT;

-- One row a game slot, written in one transaction when the game has ended.
-- score is the player's points times two. moves has two bytes a ply, low byte
-- first: from | to << 6 | promotion << 12. started_at is RFC 3339 in UTC or
-- empty.
CREATE TABLE games (
    id               INTEGER PRIMARY KEY,
    match_id         INTEGER NOT NULL REFERENCES matches (id),
    slot             INTEGER NOT NULL CHECK (slot >= 0),
    white_id         INTEGER NOT NULL REFERENCES players (id),
    black_id         INTEGER NOT NULL REFERENCES players (id),
    player_white     INTEGER NOT NULL CHECK (player_white IN (0, 1)),
    opening          TEXT NOT NULL,
    start_fen        TEXT NOT NULL,
    seed             TEXT NOT NULL,
    result           TEXT NOT NULL CHECK (result IN ('1-0', '0-1', '1/2-1/2')),
    score            INTEGER NOT NULL CHECK (score IN (0, 1, 2)),
    termination      TEXT NOT NULL,
    loss_cause       TEXT NOT NULL CHECK (loss_cause IN ('', 'illegal', 'length', 'board', 'resign', 'time', 'crash')),
    plies            INTEGER NOT NULL CHECK (plies >= 0),
    moves            BLOB NOT NULL,
    move_text        TEXT NOT NULL,
    evals            TEXT,
    player_moves     INTEGER NOT NULL CHECK (player_moves >= 0),
    attempts         INTEGER NOT NULL CHECK (attempts >= 0),
    illegal_attempts INTEGER NOT NULL CHECK (illegal_attempts BETWEEN 0 AND attempts),
    details          TEXT,
    started_at       TEXT NOT NULL,
    elapsed_us       INTEGER NOT NULL CHECK (elapsed_us >= 0),
    program          TEXT NOT NULL,
    UNIQUE (match_id, slot),
    CHECK (length(moves) = 2 * plies),
    CHECK ((score = 0) = (loss_cause <> ''))
) STRICT;

-- Games that a failure ended before they had a result. Their slots are played
-- again; the rows are kept so that failures can be counted.
CREATE TABLE voids (
    id          INTEGER PRIMARY KEY,
    match_id    INTEGER NOT NULL REFERENCES matches (id),
    slot        INTEGER NOT NULL CHECK (slot >= 0),
    culprit     TEXT NOT NULL CHECK (culprit IN ('player', 'opponent', 'arena')),
    cause       TEXT NOT NULL,
    message     TEXT NOT NULL,
    happened_at TEXT NOT NULL
) STRICT;

CREATE INDEX voids_by_match ON voids (match_id);
