CREATE TABLE bookings (
  id uuid PRIMARY KEY, starts int, ends int, title text, price numeric(30,2), at timestamptz, doc jsonb, data bytea, done boolean NOT NULL DEFAULT false, ref uuid,
  made_by text, made_at timestamptz NOT NULL DEFAULT now(), "from" text DEFAULT 'not the app''s `from`', words text[]);
CREATE TABLE notes (id uuid PRIMARY KEY, title text, body text DEFAULT 'far too long', stars int);
