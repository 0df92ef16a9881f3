"""The streaming endpoint: Bayeux over long polling, as Salesforce runs it."""
