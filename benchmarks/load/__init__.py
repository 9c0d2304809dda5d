"""What the front end adds to the work, idle and while workers compute: `python -m benchmarks.load`.

Read in this order: `__main__` (the course of it), `asking` (how long answers take), `streams` (work for the workers),
`pictures` (a picture's time beside its drawing), `service` (a service with a past, and its memory).
"""
