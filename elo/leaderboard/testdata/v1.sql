PRAGMA application_id=1414680147;
PRAGMA user_version=1;
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
INSERT INTO players VALUES (1, '0c2313310629e26db53c607c2aefd099b7b07f1e26d016b26c388c8b65cc7f9b', '{"kind":"model","parameters":"123456","policy":"forfeit-after-5","temperature":"0.1","tokenizer":"move","top-k":"0","top-p":"1","weights":"c0ffee"}', 'model T=0.1', 'model', NULL, NULL, NULL, NULL, NULL, 'c0ffee', 'move', 0.1, 0, 1.0, 'forfeit-after-5', '2026-11-21T02:47:49.488112592Z');
INSERT INTO players VALUES (2, 'b5866130d91afee03ac1843f90b4c5ed7543b05ae5b891cf6e58e7e4703b55eb', '{"kind":"uci","name":"Stockfish 17.1","option.Skill Level":"1","program":"stockfish","sha256":"abc123","version":"17.1"}', 'Stockfish 17.1 level 1', 'uci', 'Stockfish 17.1', '17.1', 'abc123', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-21T02:47:49.488335774Z');
INSERT INTO matches VALUES (1, '7c095c07695871965ce0fd358828c504b54498d57b4276a8024879ae41270e32', '{"adjudication":"","max_plies":"0","openings":"startpos","opponent":"b5866130d91afee03ac1843f90b4c5ed7543b05ae5b891cf6e58e7e4703b55eb","opponent_limit":"movetime 100ms","player":"0c2313310629e26db53c607c2aefd099b7b07f1e26d016b26c388c8b65cc7f9b","player_limit":"","protocol":"sound","seed":"1"}', 1, 2, 'sound', 'startpos', '', 'movetime 100ms', 0, '', '1', '{}', 'test', '2026-11-21T02:47:49.490825359Z');
INSERT INTO games VALUES (1, 1, 3, 2, 1, 0, '', '', '15755400384260043839', '1/2-1/2', 1, 'stalemate', '', 43, X'5D0064006B0072007900800087008E0095009C00A300AA00B100B800BF00C600CD00D400DB00E200E900F000F700FE0005010C0113011A01210128012F0136013D0144014B0152015901600167016E0175017C018301', 'e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 ', '[{"ply":1,"cp":20}]', 20, 22, 2, '{"a": 1}', '2023-11-14T22:13:23Z', 1000000, 'test');
INSERT INTO voids VALUES (1, 1, 4, 'opponent', 'crash', 'signal: segmentation fault', '2026-11-21T02:47:49.493570477Z');
