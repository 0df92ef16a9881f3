-- name: forget_api_calls
DELETE FROM isthmus.api_calls WHERE span < $1

-- name: add_api_calls
INSERT INTO isthmus.api_calls AS a (span, calls, allowance)
SELECT c.span, c.calls, $3 FROM unnest($1::timestamptz[], $2::bigint[]) AS c (span, calls)
ORDER BY c.span
ON CONFLICT (span) DO UPDATE
SET calls = greatest(0, a.calls + excluded.calls), allowance = coalesce(excluded.allowance, a.allowance)

-- name: api_calls
SELECT span, calls, allowance FROM isthmus.api_calls ORDER BY span
