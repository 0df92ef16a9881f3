DEFECTS: dict = {}
