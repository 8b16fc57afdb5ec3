-- retail_analytics: 301,200 rows, the same in every run. `id * prime % n` stands in for chance.
CREATE TABLE stores (store_id INT PRIMARY KEY, name VARCHAR(40), city VARCHAR(40), country CHAR(2), opened DATE);
CREATE TABLE products (product_id INT PRIMARY KEY, name VARCHAR(60), category VARCHAR(20), price DECIMAL(10,2), cost DECIMAL(10,2));
CREATE TABLE customers (customer_id INT PRIMARY KEY, name VARCHAR(60), email VARCHAR(80), city VARCHAR(40), segment VARCHAR(12), joined DATE);
CREATE TABLE orders (order_id BIGINT PRIMARY KEY, customer_id INT, store_id INT, ordered_at TIMESTAMP, status VARCHAR(10), total DECIMAL(12,2));
CREATE TABLE order_items (order_id BIGINT, line INT, product_id INT, quantity INT, unit_price DECIMAL(10,2));

CREATE TEMP TABLE cities (id INTEGER PRIMARY KEY, city, country);
INSERT INTO cities VALUES (0,'Chicago','US'),(1,'Berlin','DE'),(2,'Lyon','FR'),(3,'Osaka','JP'),(4,'Leeds','GB'),
 (5,'Madrid','ES'),(6,'Turin','IT'),(7,'Austin','US'),(8,'Gdansk','PL'),(9,'Utrecht','NL');
CREATE TEMP TABLE names (id INTEGER PRIMARY KEY, given, family, category, thing);
INSERT INTO names VALUES (0,'Ada','Moore','books','Atlas'),(1,'Ben','Keller','garden','Rake'),(2,'Cleo','Rossi','kitchen','Pan'),
 (3,'Dan','Sato','toys','Puzzle'),(4,'Eva','Novak','sports','Ball'),(5,'Finn','Garcia','music','Ukulele'),
 (6,'Gina','Dubois','office','Stapler'),(7,'Hugo','Visser','outdoor','Tent');

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO stores SELECT i, 'Store ' || i, city, country, date('2008-01-01', (i * 29 % 5000) || ' days')
FROM n JOIN cities ON cities.id = i % 10;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO products SELECT i, thing || ' no. ' || i, category, 1 + (i * 7919 % 19900) / 100.0, (50 + i * 7919 % 9900) / 100.0
FROM n JOIN names ON names.id = i % 8;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customers SELECT i, g.given || ' ' || f.family, lower(g.given) || '.' || i || '@example.com', city,
 CASE i % 5 WHEN 0 THEN 'business' WHEN 1 THEN 'premium' ELSE 'consumer' END, date('2015-01-01', (i * 31 % 3600) || ' days')
FROM n JOIN names g ON g.id = i % 8 JOIN names f ON f.id = i / 8 % 8 JOIN cities ON cities.id = i * 7 % 10;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO orders SELECT i, 1 + i * 7919 % 20000, 1 + i * 104729 % 200, datetime(1577836800 + i * 1500, 'unixepoch'),
 CASE i % 10 WHEN 0 THEN 'returned' WHEN 1 THEN 'open' ELSE 'paid' END, (500 + i * 15485863 % 99500) / 100.0
FROM n;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 180000)
INSERT INTO order_items SELECT 1 + i * 5 / 9, 1 + i % 3, 1 + i * 613 % 1000, 1 + i % 4, 1 + (i * 7919 % 19900) / 100.0
FROM n;

DROP TABLE cities;
DROP TABLE names;
