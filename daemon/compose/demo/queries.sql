-- name: schemas_present
SELECT nspname AS name FROM pg_namespace WHERE nspname IN ('crm', 'isthmus') ORDER BY 1

-- name: create_database
CREATE DATABASE demo

-- name: drop_database
DROP DATABASE IF EXISTS demo WITH (FORCE)

-- name: drop_schemas
DROP SCHEMA IF EXISTS crm, isthmus CASCADE

-- name: fill_companies
INSERT INTO crm.companies (name, website, status, employees, revenue, updated_at)
SELECT name, website, status, employees, revenue, updated_at
FROM json_to_recordset($1::json)
    AS c (name text, website text, status text, employees integer, revenue numeric, updated_at timestamptz)

-- name: fill_people
INSERT INTO crm.people (first_name, last_name, email, title, phone, company_id, updated_at)
SELECT p.first_name, p.last_name, p.email, p.title, p.phone, c.id, p.updated_at
FROM json_to_recordset($1::json)
    AS p (first_name text, last_name text, email text, title text, phone text, company text, updated_at timestamptz)
LEFT JOIN crm.companies AS c ON c.name = p.company

-- name: load_progress
SELECT step, state, processed, expected FROM isthmus.job WHERE kind = 'first_load' ORDER BY started_at

-- name: unsettled
SELECT count(*) FROM isthmus.change WHERE state IN ('pending', 'sent', 'held')

-- name: counts
SELECT
    (SELECT count(*) FROM isthmus.link WHERE state = 'linked' AND step = 'companies') AS companies,
    (SELECT count(*) FROM isthmus.link WHERE state = 'linked' AND step = 'people') AS people,
    (SELECT count(*) FROM isthmus.conflict WHERE kind = 'conflict') AS conflicts,
    (SELECT count(*) FROM isthmus.parked) AS parked

-- name: parked
SELECT step, key, sf_id, code, message, advice FROM isthmus.parked ORDER BY id

-- name: linked_people
SELECT l.sf_id, l.pg_key AS key, p.first_name, p.last_name
FROM isthmus.link AS l JOIN crm.people AS p ON p.id::text = l.pg_key
WHERE l.step = 'people' AND l.state = 'linked' ORDER BY p.email

-- name: linked_companies
SELECT l.sf_id, l.pg_key AS key, c.name, c.status
FROM isthmus.link AS l JOIN crm.companies AS c ON c.id::text = l.pg_key
WHERE l.step = 'companies' AND l.state = 'linked' ORDER BY c.id

-- name: key_of
SELECT pg_key FROM isthmus.link WHERE sf_id = $1 AND state = 'linked'

-- name: record_of
SELECT sf_id FROM isthmus.link WHERE step = $1 AND pg_key = $2 AND state = 'linked'

-- name: person
SELECT id::text, first_name, last_name, email, title, phone, opt_out, company_id::text FROM crm.people WHERE id = $1::text::uuid

-- name: people_by_email
SELECT id::text, first_name, last_name, title, phone, company_id::text FROM crm.people WHERE email = $1

-- name: company
SELECT id::text, name, website, status, employees FROM crm.companies WHERE id = $1::text::bigint

-- name: companies_by_name
SELECT id::text, website, status, employees FROM crm.companies WHERE name = $1

-- name: set_title
UPDATE crm.people SET title = $2 WHERE id = $1::text::uuid

-- name: set_phone
UPDATE crm.people SET phone = $2 WHERE id = $1::text::uuid

-- name: set_title_and_phone
UPDATE crm.people SET title = $2, phone = $3 WHERE id = $1::text::uuid

-- name: set_email
UPDATE crm.people SET email = $2 WHERE id = $1::text::uuid

-- name: set_employees
UPDATE crm.companies SET employees = $2 WHERE id = $1::text::bigint

-- name: set_status
UPDATE crm.companies SET status = $2 WHERE id = $1::text::bigint

-- name: add_person
INSERT INTO crm.people (first_name, last_name, email, title, company_id)
VALUES ($1, $2, $3, $4, $5::text::bigint) RETURNING id::text

-- name: add_company_with_person
WITH company AS (
    INSERT INTO crm.companies (name, website, status) VALUES ($1, $2, 'lead') RETURNING id
)
INSERT INTO crm.people (first_name, last_name, email, company_id)
SELECT $3, $4, $5, id FROM company RETURNING id::text, company_id::text

-- name: delete_person
DELETE FROM crm.people WHERE id = $1::text::uuid

-- name: newest_conflict
SELECT field, rule, winner, salesforce #>> '{}' AS salesforce, postgres #>> '{}' AS postgres
FROM isthmus.conflict WHERE sf_id = $1 ORDER BY id DESC LIMIT 1

-- name: all_people
SELECT
    l.sf_id, p.first_name, p.last_name, p.email, p.title, p.phone, p.opt_out,
    (SELECT c.sf_id FROM isthmus.link AS c WHERE c.step = 'companies' AND c.pg_key = p.company_id::text) AS account
FROM crm.people AS p LEFT JOIN isthmus.link AS l ON l.step = 'people' AND l.pg_key = p.id::text AND l.state = 'linked'

-- name: all_companies
SELECT l.sf_id, c.name, c.website, c.status, c.employees, c.revenue
FROM crm.companies AS c LEFT JOIN isthmus.link AS l ON l.step = 'companies' AND l.pg_key = c.id::text AND l.state = 'linked'

-- name: written
SELECT
    (SELECT coalesce(max(id), 0) FROM isthmus.journal) AS decisions,
    (SELECT max(updated_at) FROM crm.people) AS people,
    (SELECT max(updated_at) FROM crm.companies) AS companies
