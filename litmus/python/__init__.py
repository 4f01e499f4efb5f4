"""Python files of a project: what of them is quoted, what they print and draw and need."""
