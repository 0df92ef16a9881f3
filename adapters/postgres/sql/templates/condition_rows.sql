SELECT one FROM pg_temp.isthmus_condition LIMIT 0
