-- Two branches. In the first rita sells and max manages; in the second tom sells.

INSERT INTO sales.employee (emp_no, branch_no, emp_name, is_manager) VALUES
    (11, 1, 'Rita', false), (12, 1, 'Max', true), (21, 2, 'Tom', false)
ON CONFLICT DO NOTHING;

INSERT INTO sales.customer (branch_no, cust_no, cust_name, credit_limit, is_blocked) VALUES
    (1, 1, 'Bakery Roll', 5000, false), (1, 2, 'Cafe Slow', 100, true), (2, 1, 'Hotel Far', 9000, false)
ON CONFLICT DO NOTHING;

INSERT INTO sales.article (art_no, descr, list_price, is_sold) VALUES
    (100, 'Flour 25 kg', 31.50, true), (101, 'Yeast 1 kg', 4.20, true), (102, 'Margarine 10 kg', 19.90, false)
ON CONFLICT DO NOTHING;
