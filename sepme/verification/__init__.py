"""`sepme verify` as its callers read it: checks, how they end, and the reports that are made of them.

`checks` says what a check is, `service` makes them over HTTP, `drawing` asks that service for pictures, `judging` has
them looked at, `reports` writes JUnit and Markdown.
"""
