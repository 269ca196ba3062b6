"""Study files: what may stand in one, how it is read, and its mistakes, told by line."""
