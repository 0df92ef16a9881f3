"""The SOAP side of the org: the one call of the Metadata API that it answers."""
