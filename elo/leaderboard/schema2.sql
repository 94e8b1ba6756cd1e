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
