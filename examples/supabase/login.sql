-- The login of the gateway: it reads every row, because a hidden row would look like one that is not there, and writes as `authenticated`.
-- Another password, of course.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rulegate') THEN
        CREATE ROLE rulegate LOGIN NOINHERIT BYPASSRLS PASSWORD 'another-password';
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO rulegate', current_database());      -- for `rulegate migrate`
END $$;

GRANT authenticated TO rulegate;
GRANT SELECT ON profiles, documents TO rulegate;
GRANT UPDATE (id) ON profiles, documents TO rulegate;                                   -- to lock a row, and no more
