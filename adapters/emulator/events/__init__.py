"""Change Data Capture: from the changes of a transaction to the messages on a retained, replayable stream."""
