-- name: lease_create
INSERT INTO isthmus.lease (name) VALUES ($1) ON CONFLICT DO NOTHING

-- name: lease_lock
SELECT epoch, holder IS NULL OR expires_at <= clock_timestamp() AS free
FROM isthmus.lease WHERE name = $1 FOR UPDATE

-- name: lease_try_sign
SELECT pg_try_advisory_lock(hashtext('isthmus lease ' || $1::text), $2::integer)

-- name: lease_drop_sign
SELECT pg_advisory_unlock(hashtext('isthmus lease ' || $1::text), $2::integer)

-- name: lease_take
UPDATE isthmus.lease
SET holder = $2, epoch = $3, acquired_at = clock_timestamp(), expires_at = clock_timestamp() + $4::interval
WHERE name = $1

-- name: lease_renew
UPDATE isthmus.lease SET expires_at = clock_timestamp() + $4::interval
WHERE name = $1 AND holder = $2 AND epoch = $3

-- name: lease_release
UPDATE isthmus.lease SET holder = NULL, expires_at = NULL
WHERE name = $1 AND holder = $2 AND epoch = $3

-- name: lease_check
SELECT epoch FROM isthmus.lease WHERE name = $1 AND holder IS NOT NULL FOR KEY SHARE

-- name: lease_holder
SELECT holder, epoch, acquired_at FROM isthmus.lease WHERE name = $1 AND holder IS NOT NULL
