"""Salesforce's error codes explained, a module for each subject. `adapters.salesforce.fault_table` puts them together.

The codes are those of Salesforce's StatusCode list and of its OAuth endpoints; what each means to a sync is our judgement.
"""
