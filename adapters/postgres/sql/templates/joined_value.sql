coalesce((SELECT j.value FROM ({{words}}) AS j WHERE j.value <> '' ORDER BY j.at DESC NULLS LAST, j.key DESC LIMIT 1), '')
