-- Our own calls to Salesforce in the last day, by spans of five minutes: the budget of calls holds over 24 hours, however often the daemon
-- is started meanwhile. A few hundred rows at most.
CREATE TABLE isthmus.api_calls (
    span timestamptz PRIMARY KEY,
    calls bigint NOT NULL,
    allowance bigint
);
COMMENT ON TABLE isthmus.api_calls IS 'Our calls that count against the org''s API allowance, by the beginning of their five minutes';
COMMENT ON COLUMN isthmus.api_calls.calls IS 'Calls made, and up to fifty that are about to be made';
COMMENT ON COLUMN isthmus.api_calls.allowance IS 'The org''s calls in 24 hours, as Salesforce told it then';
