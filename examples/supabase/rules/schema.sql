-- For the SQL editor of a Supabase project, or as a migration of it.

-- What every project has already. On a plain Postgres this makes a stand-in for it, for a try.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['anon', 'authenticated'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;      -- somebody else was faster
            END;
        END IF;
    END LOOP;
    IF to_regnamespace('auth') IS NULL THEN
        CREATE SCHEMA auth;
        CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS
            'SELECT nullif(current_setting(''request.jwt.claims'', true), '''')::jsonb';
        CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
            'SELECT (auth.jwt() ->> ''sub'')::uuid';
        GRANT USAGE ON SCHEMA auth, public TO anon, authenticated;
    END IF;
END $$;

CREATE TABLE profiles (
    id uuid PRIMARY KEY,                        -- on Supabase: REFERENCES auth.users ON DELETE CASCADE
    display_name text NOT NULL,
    avatar_url text,
    plan text NOT NULL DEFAULT 'free',
    is_suspended boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);

CREATE TABLE documents (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    team_id uuid,
    title text NOT NULL,
    content text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz
);

-- Supabase grants everything on new tables. PostgREST is still there, so what no app may write is taken away here too.
REVOKE ALL ON profiles, documents FROM anon, authenticated;
GRANT SELECT, INSERT (id, display_name, avatar_url, created_at), UPDATE (display_name, avatar_url) ON profiles TO authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO authenticated;

-- The policies that PostgREST and Realtime go by. They stay, and hold for what Rulegate writes as well.
ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON profiles TO authenticated USING (id = (SELECT auth.uid()));

ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON documents TO authenticated
    USING (owner_id = (SELECT auth.uid()))
    WITH CHECK (owner_id = (SELECT auth.uid()) AND (team_id IS NULL OR team_id = (SELECT (auth.jwt() -> 'app_metadata' ->> 'team')::uuid)));
CREATE POLICY team_reads ON documents FOR SELECT TO authenticated
    USING (team_id = (SELECT (auth.jwt() -> 'app_metadata' ->> 'team')::uuid));
CREATE POLICY team_writes ON documents FOR UPDATE TO authenticated
    USING (team_id = (SELECT (auth.jwt() -> 'app_metadata' ->> 'team')::uuid));

-- Support suspends an account. No rule repeats these; they refuse all the same.
CREATE POLICY not_suspended_inserts ON documents AS RESTRICTIVE FOR INSERT TO authenticated
    WITH CHECK (NOT EXISTS (SELECT FROM profiles WHERE id = (SELECT auth.uid()) AND is_suspended));
CREATE POLICY not_suspended_updates ON documents AS RESTRICTIVE FOR UPDATE TO authenticated
    USING (NOT EXISTS (SELECT FROM profiles WHERE id = (SELECT auth.uid()) AND is_suspended));
CREATE POLICY not_suspended_deletes ON documents AS RESTRICTIVE FOR DELETE TO authenticated
    USING (NOT EXISTS (SELECT FROM profiles WHERE id = (SELECT auth.uid()) AND is_suspended));
