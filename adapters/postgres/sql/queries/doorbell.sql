-- name: ping
SELECT pg_notify('isthmus', $1)
