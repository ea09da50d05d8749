CREATE TABLE items (id uuid PRIMARY KEY, name text, made_by text, made_at timestamptz DEFAULT '2000-01-01Z', touched_by text, status text DEFAULT 'raw', owner text);
