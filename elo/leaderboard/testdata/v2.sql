PRAGMA application_id=1414680147;
PRAGMA user_version=2;
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
-- Schema 2, a step from schema 1. Released versions of this file never change.

-- games gains what games between engines need: why the opponent lost
-- (opponent_cause, as loss_cause for the player under test), what a failed
-- engine said (error, stderr), how many plies came from the opening
-- (book_plies), and the opponent's tries. A game of schema 1 that the player won
-- was won on the board.
CREATE TABLE games2 (
    id                INTEGER PRIMARY KEY,
    match_id          INTEGER NOT NULL REFERENCES matches (id),
    slot              INTEGER NOT NULL CHECK (slot >= 0),
    white_id          INTEGER NOT NULL REFERENCES players (id),
    black_id          INTEGER NOT NULL REFERENCES players (id),
    player_white      INTEGER NOT NULL CHECK (player_white IN (0, 1)),
    opening           TEXT NOT NULL,
    start_fen         TEXT NOT NULL,
    seed              TEXT NOT NULL,
    result            TEXT NOT NULL CHECK (result IN ('1-0', '0-1', '1/2-1/2')),
    score             INTEGER NOT NULL CHECK (score IN (0, 1, 2)),
    termination       TEXT NOT NULL,
    loss_cause        TEXT NOT NULL CHECK (loss_cause IN ('', 'illegal', 'length', 'board', 'resign', 'time', 'crash', 'stall', 'protocol')),
    opponent_cause    TEXT NOT NULL CHECK (opponent_cause IN ('', 'illegal', 'length', 'board', 'resign', 'time', 'crash', 'stall', 'protocol')),
    plies             INTEGER NOT NULL CHECK (plies >= 0),
    book_plies        INTEGER NOT NULL CHECK (book_plies BETWEEN 0 AND plies),
    moves             BLOB NOT NULL,
    move_text         TEXT NOT NULL,
    evals             TEXT,
    player_moves      INTEGER NOT NULL CHECK (player_moves >= 0),
    attempts          INTEGER NOT NULL CHECK (attempts >= 0),
    illegal_attempts  INTEGER NOT NULL CHECK (illegal_attempts BETWEEN 0 AND attempts),
    opponent_moves    INTEGER NOT NULL CHECK (opponent_moves >= 0),
    opponent_attempts INTEGER NOT NULL CHECK (opponent_attempts >= 0),
    opponent_illegal  INTEGER NOT NULL CHECK (opponent_illegal BETWEEN 0 AND opponent_attempts),
    error             TEXT NOT NULL,
    stderr            TEXT NOT NULL,
    details           TEXT,
    started_at        TEXT NOT NULL,
    elapsed_us        INTEGER NOT NULL CHECK (elapsed_us >= 0),
    program           TEXT NOT NULL,
    UNIQUE (match_id, slot),
    CHECK (length(moves) = 2 * plies),
    CHECK ((score = 0) = (loss_cause <> '')),
    CHECK ((score = 2) = (opponent_cause <> ''))
) STRICT;

INSERT INTO games2
    SELECT id, match_id, slot, white_id, black_id, player_white, opening, start_fen, seed, result, score, termination,
        loss_cause, CASE score WHEN 2 THEN 'board' ELSE '' END, plies, 0, moves, move_text, evals,
        player_moves, attempts, illegal_attempts, 0, 0, 0, '', '', details, started_at, elapsed_us, program
    FROM games;
DROP TABLE games;
ALTER TABLE games2 RENAME TO games;

-- The last of what the failed engine wrote to standard error, and the moves up
-- to the failure, as in games.
ALTER TABLE voids ADD COLUMN stderr TEXT NOT NULL DEFAULT '';
ALTER TABLE voids ADD COLUMN moves BLOB NOT NULL DEFAULT x'';

-- One row a tournament: entrants that play each other by a schedule. hash is the
-- SHA-256 of what decides its games, so that starting it again finds it; config
-- is the whole configuration as JSON, to show and to start it again from.
CREATE TABLE tournaments (
    id         INTEGER PRIMARY KEY,
    hash       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('round-robin', 'gauntlet', 'swiss')),
    config     TEXT NOT NULL,
    seed       TEXT NOT NULL,
    program    TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

-- Who plays: a player at a limit, with the name it has in this tournament.
CREATE TABLE entrants (
    tournament_id INTEGER NOT NULL REFERENCES tournaments (id),
    seat          INTEGER NOT NULL CHECK (seat >= 0),
    player_id     INTEGER NOT NULL REFERENCES players (id),
    name          TEXT NOT NULL,
    play_limit    TEXT NOT NULL,
    PRIMARY KEY (tournament_id, seat)
) STRICT, WITHOUT ROWID;

-- What the schedule has paired so far: games first_slot to first_slot + games - 1
-- of a match, in which the seat first_seat is the player and second_seat the
-- opponent. A bye has second_seat -1 and no match.
CREATE TABLE pairings (
    tournament_id INTEGER NOT NULL REFERENCES tournaments (id),
    round         INTEGER NOT NULL CHECK (round >= 0),
    board         INTEGER NOT NULL CHECK (board >= 0),
    first_seat    INTEGER NOT NULL CHECK (first_seat >= 0),
    second_seat   INTEGER NOT NULL CHECK (second_seat >= -1),
    match_id      INTEGER REFERENCES matches (id),
    first_slot    INTEGER NOT NULL CHECK (first_slot >= 0),
    games         INTEGER NOT NULL CHECK (games >= 0),
    PRIMARY KEY (tournament_id, round, board),
    CHECK ((second_seat = -1) = (match_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX pairings_by_match ON pairings (match_id);

-- Games in play, one row each, refreshed by the arena that plays them about once
-- a second and removed when they end. arena names the process; a row that has
-- not been refreshed for a while was left by one that was killed. Nothing here
-- outlives its game: results are in games alone.
CREATE TABLE live (
    match_id     INTEGER NOT NULL REFERENCES matches (id),
    slot         INTEGER NOT NULL CHECK (slot >= 0),
    arena        TEXT NOT NULL,
    player_white INTEGER NOT NULL CHECK (player_white IN (0, 1)),
    start_fen    TEXT NOT NULL,
    book_plies   INTEGER NOT NULL,
    moves        BLOB NOT NULL,
    evals        TEXT,
    white_clock_ms INTEGER,
    black_clock_ms INTEGER,
    updated_at   TEXT NOT NULL,
    PRIMARY KEY (match_id, slot)
) STRICT, WITHOUT ROWID;
INSERT INTO players VALUES (1, '0c2313310629e26db53c607c2aefd099b7b07f1e26d016b26c388c8b65cc7f9b', '{"kind":"model","parameters":"123456","policy":"forfeit-after-5","temperature":"0.1","tokenizer":"move","top-k":"0","top-p":"1","weights":"c0ffee"}', 'model T=0.1', 'model', NULL, NULL, NULL, NULL, NULL, 'c0ffee', 'move', 0.1, 0, 1.0, 'forfeit-after-5', '2026-11-21T08:29:13.639498269Z');
INSERT INTO players VALUES (2, 'b5866130d91afee03ac1843f90b4c5ed7543b05ae5b891cf6e58e7e4703b55eb', '{"kind":"uci","name":"Stockfish 17.1","option.Skill Level":"1","program":"stockfish","sha256":"abc123","version":"17.1"}', 'Stockfish 17.1 level 1', 'uci', 'Stockfish 17.1', '17.1', 'abc123', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-21T08:29:13.645750242Z');
INSERT INTO matches VALUES (1, '7c095c07695871965ce0fd358828c504b54498d57b4276a8024879ae41270e32', '{"adjudication":"","max_plies":"0","openings":"startpos","opponent":"b5866130d91afee03ac1843f90b4c5ed7543b05ae5b891cf6e58e7e4703b55eb","opponent_limit":"movetime 100ms","player":"0c2313310629e26db53c607c2aefd099b7b07f1e26d016b26c388c8b65cc7f9b","player_limit":"","protocol":"sound","seed":"1"}', 1, 2, 'sound', 'startpos', '', 'movetime 100ms', 0, '', '1', '{}', 'test', '2026-11-21T08:29:13.646312466Z');
INSERT INTO games VALUES (1, 1, 3, 2, 1, 0, '', '', '15755400384260043839', '1/2-1/2', 1, 'stalemate', '', '', 43, 0, X'5D0064006B0072007900800087008E0095009C00A300AA00B100B800BF00C600CD00D400DB00E200E900F000F700FE0005010C0113011A01210128012F0136013D0144014B0152015901600167016E0175017C018301', 'e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 e2e4 ', '[{"ply":1,"cp":20}]', 20, 22, 2, 0, 0, 0, '', '', '{"a": 1}', '2023-11-14T22:13:23Z', 1000000, 'test');
INSERT INTO voids VALUES (1, 1, 4, 'opponent', 'crash', 'signal: segmentation fault', '2026-11-21T08:29:13.6547447Z', 'oops', X'');
INSERT INTO tournaments VALUES (1, '977911ddf7a94c71d1b6792cbab71219f9cefa83a4b15f553ee1382c0d410e15', 'cup', 'round-robin', '{"games": 2}', '5', '', '2026-11-21T08:29:13.661664961Z');
INSERT INTO entrants VALUES (1, 0, 1, 'one', 'nodes 1');
INSERT INTO entrants VALUES (1, 1, 2, 'two', '');
INSERT INTO pairings VALUES (1, 0, 0, 0, 1, 1, 0, 4);
INSERT INTO live VALUES (1, 5, 'an arena', 1, '', 0, X'', NULL, NULL, NULL, '2023-11-14T22:13:20.000Z');
