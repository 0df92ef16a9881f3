"""The life of the process: time, tasks, signals, the service manager, health and logs.

Nothing here knows Salesforce, SQL or a mapping: whatever the process does is handed in as coroutines with names.
"""
