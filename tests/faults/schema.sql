CREATE TABLE notes (
    id     uuid PRIMARY KEY,
    owner  text NOT NULL,
    tag    text NOT NULL,
    n      int NOT NULL CHECK (n >= 0),
    slug   text UNIQUE,
    parent uuid REFERENCES notes DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE counters (id text PRIMARY KEY, tag text NOT NULL);
-- No rule opens it.
CREATE TABLE vault (id uuid PRIMARY KEY, tag text NOT NULL);
INSERT INTO notes VALUES ('00000000-0000-4000-8000-000000000000', 'nobody', 'start', 0, 'taken', NULL);
INSERT INTO counters SELECT 'c' || n, 'start' FROM generate_series(1, 6) n;

-- The truth: what was committed, and in which transaction. The gateway may neither read nor write it.
CREATE TABLE audit (
    op    text NOT NULL,
    place text NOT NULL,
    tag   text NOT NULL,
    txid  bigint NOT NULL
);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    image record := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    INSERT INTO audit VALUES (TG_OP, TG_TABLE_NAME || '/' || image.id, image.tag, txid_current());
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION witness();
CREATE TRIGGER witness AFTER INSERT OR UPDATE OR DELETE ON counters FOR EACH ROW EXECUTE FUNCTION witness();
CREATE TRIGGER witness AFTER INSERT OR UPDATE OR DELETE ON vault FOR EACH ROW EXECUTE FUNCTION witness();

-- A role with the defaults of a careless operator: each of them would break a promise if it stood.
CREATE ROLE gateway LOGIN PASSWORD 'right';
ALTER ROLE gateway SET synchronous_commit = off;
ALTER ROLE gateway SET default_transaction_isolation = 'repeatable read';
GRANT SELECT, INSERT, UPDATE, DELETE ON notes, counters TO gateway;

-- Who mends a read-only database has to be let in.
ALTER ROLE postgres SET default_transaction_read_only = off;
