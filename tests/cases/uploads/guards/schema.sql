CREATE TABLE notes (id uuid PRIMARY KEY, org_id text, owner text, kind text, state text, edits int NOT NULL DEFAULT 0);
CREATE TABLE tasks (id uuid PRIMARY KEY, owner text);
CREATE TABLE logs (id uuid PRIMARY KEY, org_id text, line text);
CREATE TABLE boards (id uuid PRIMARY KEY, owner text, name text, rank int);
CREATE TABLE cards (id uuid PRIMARY KEY, board_id uuid, lane_id uuid, title text);
CREATE TABLE lanes (id uuid PRIMARY KEY, board_id uuid, wip int NOT NULL DEFAULT 1);
CREATE INDEX ON cards (lane_id);
CREATE INDEX ON lanes (board_id);
