CREATE TABLE raises (id uuid PRIMARY KEY, code text NOT NULL);
CREATE FUNCTION raise_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a text that no client may see' USING ERRCODE = NEW.code; END $$;
CREATE TRIGGER raise_it BEFORE INSERT ON raises FOR EACH ROW EXECUTE FUNCTION raise_it();
