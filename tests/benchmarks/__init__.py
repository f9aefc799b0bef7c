"""How fast tinynet is beside what people would use instead: `python -m tests.benchmarks`.

README.md says what is measured, how to read the tables, and how to add a contestant.
"""
