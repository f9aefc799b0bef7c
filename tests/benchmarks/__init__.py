"""How fast tinynet is, beside what people would use instead: `python -m tests.benchmarks`.

Every contestant lives in a process of its own, which stays alive and is asked in turn for a slice
of work, so that all are measured in one run, under the same conditions, and imports are paid once.
All compute the same thing from the same start, and that is verified before anything is timed.
`python -m tests.benchmarks.where` shows where the time of a step goes.
"""
