CREATE DOMAIN code AS varchar(4);
CREATE TABLE boards (id uuid PRIMARY KEY, n int, flags boolean[], codes char(4)[], short varchar(4)[], prices numeric(6,2)[], docs jsonb[], at timestamptz[], ids uuid[], bytes bytea[], reals real[], fixed char(4), named code, span interval, bits bit(3));
