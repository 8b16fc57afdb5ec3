-- system: what an administrator looks at.
CREATE TABLE nodes (node_id INT PRIMARY KEY, name VARCHAR(40), role VARCHAR(20), status VARCHAR(20));
INSERT INTO nodes VALUES (1,'sql1','sql','active'),(2,'sql2','sql','active'),(3,'lts0','storage','active'),(4,'ldr0','loader','active');
CREATE TABLE events (event_id INT PRIMARY KEY, node_id INT, at TIMESTAMP, message VARCHAR(80));
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO events SELECT i, 1 + i % 4, datetime(1735689600 + i * 977, 'unixepoch'), 'event no. ' || i FROM n;
