"""Reading an object whole, with millions of records: set-wise where nothing has to be weighed, down the road where something has."""
