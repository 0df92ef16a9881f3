"""Isthmus keeps a Salesforce org and a PostgreSQL database in step."""

__version__ = "0.1.0"
