CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE names (id text COLLATE loose PRIMARY KEY, owner text, n int);
INSERT INTO names VALUES ('Ann', 'ann', 1);
