-- A sales system that was there first. Its screens, its reports and its nightly jobs go on as they are.
-- What was added for the app is marked `for the app`: two columns with a unique index, and nothing else.

CREATE SCHEMA sales;

CREATE TYPE sales.order_state AS ENUM ('draft', 'placed', 'shipped', 'billed');

CREATE TABLE sales.employee (
    emp_no integer PRIMARY KEY,
    branch_no smallint NOT NULL,
    emp_name varchar(60) NOT NULL,
    is_manager boolean NOT NULL DEFAULT false
);
CREATE INDEX employee_branch ON sales.employee (branch_no);

-- Each branch numbers its customers from 1, so a customer is known by two numbers. `row_no` is the only one that is unique by itself.
CREATE TABLE sales.customer (
    branch_no smallint NOT NULL,
    cust_no integer NOT NULL,
    row_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    cust_name varchar(80) NOT NULL,
    phone varchar(30),
    "Remark" text,
    credit_limit numeric(10,2) NOT NULL DEFAULT 0,
    is_blocked boolean NOT NULL DEFAULT false,
    changed_by text,
    PRIMARY KEY (branch_no, cust_no)
);

CREATE TABLE sales.article (
    art_no integer PRIMARY KEY,
    descr varchar(80) NOT NULL,
    list_price numeric(10,2) NOT NULL,
    is_sold boolean NOT NULL DEFAULT true
);

CREATE TABLE sales.order_head (
    order_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,              -- for the app
    branch_no smallint NOT NULL,
    cust_no integer NOT NULL,
    emp_no integer NOT NULL REFERENCES sales.employee,
    state sales.order_state NOT NULL DEFAULT 'draft',
    wanted_on date,
    total numeric(12,2) NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (branch_no, cust_no) REFERENCES sales.customer (branch_no, cust_no)
);
CREATE INDEX order_head_customer ON sales.order_head (branch_no, cust_no);

CREATE TABLE sales.order_line (
    order_no bigint NOT NULL REFERENCES sales.order_head ON DELETE CASCADE,
    line_no integer GENERATED ALWAYS AS IDENTITY,
    app_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,              -- for the app
    order_app_id uuid NOT NULL REFERENCES sales.order_head (app_id) ON DELETE CASCADE,      -- for the app
    art_no integer NOT NULL REFERENCES sales.article,
    qty integer NOT NULL CHECK (qty > 0),
    price numeric(10,2) NOT NULL,
    amount numeric(12,2) GENERATED ALWAYS AS (qty * price) STORED,
    PRIMARY KEY (order_no, line_no)
);
CREATE INDEX order_line_order_app_id ON sales.order_line (order_app_id);

-- Lines know their order by its number or by its `app_id`, whichever they came with. (For the app.)
CREATE FUNCTION sales.number_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.order_no IS NULL THEN
        SELECT order_no INTO NEW.order_no FROM sales.order_head WHERE app_id = NEW.order_app_id;
    ELSE
        SELECT app_id INTO NEW.order_app_id FROM sales.order_head WHERE order_no = NEW.order_no;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER number_line BEFORE INSERT ON sales.order_line FOR EACH ROW EXECUTE FUNCTION sales.number_line();

-- The sum of an order follows its lines.
CREATE FUNCTION sales.add_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one bigint := coalesce(NEW.order_no, OLD.order_no);
BEGIN
    UPDATE sales.order_head
    SET total = (SELECT coalesce(sum(amount), 0) FROM sales.order_line WHERE order_no = one), changed_at = now()
    WHERE order_no = one;
    RETURN NULL;
END $$;
CREATE TRIGGER add_up AFTER INSERT OR UPDATE OR DELETE ON sales.order_line FOR EACH ROW EXECUTE FUNCTION sales.add_up();

-- Nothing is ordered for a customer who is blocked.
CREATE FUNCTION sales.refuse_blocked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'draft' AND (SELECT is_blocked FROM sales.customer c WHERE c.branch_no = NEW.branch_no AND c.cust_no = NEW.cust_no) THEN
        RAISE EXCEPTION 'The customer is blocked: ask accounting.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_blocked AFTER INSERT OR UPDATE OF state ON sales.order_head FOR EACH ROW EXECUTE FUNCTION sales.refuse_blocked();

-- Who changed a customer. For uploads that is the token's `sub`, which Rulegate says in `app.user_id`; for everybody else the login.
CREATE FUNCTION sales.sign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_by := coalesce(nullif(current_setting('app.user_id', true), ''), session_user);
    RETURN NEW;
END $$;
CREATE TRIGGER sign BEFORE UPDATE ON sales.customer FOR EACH ROW EXECUTE FUNCTION sales.sign();
