CREATE TABLE notes (id uuid PRIMARY KEY, owner text, n int, words jsonb, tags jsonb, raw json, prices numeric[]);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.n = 28 THEN RAISE EXCEPTION 'the owner is %', NEW.owner USING ERRCODE = '28000'; END IF;
  IF NEW.n = 57 THEN RAISE EXCEPTION 'the owner is %', NEW.owner USING ERRCODE = '57014'; END IF;
  IF NEW.n = 42 THEN EXECUTE 'SELECT ' || quote_ident(NEW.owner); END IF;
  RETURN NEW; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION refuse();
