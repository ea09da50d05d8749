CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE everything (
    id uuid PRIMARY KEY, yes boolean, small smallint, whole integer, big bigint, single real, double double precision, money numeric(12,2), exact numeric,
    other uuid, words text, short varchar(5), mood mood, at timestamptz, local timestamp, day date, clock time, doc jsonb, raw json, bytes bytea, tags text[], numbers int[], net inet
);
