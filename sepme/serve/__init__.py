"""`sepme serve`: one process that supervises a broker, the HTTP front end and its workers.

Read in this order: `run` (the course of it), `processes` (which there are, started how), `devices` (how many GPUs they
are spread over), `supervisor` (keeps them alive, ends them in order), `child` (one process and its log), `pid_files`
(how a later run finds what a killed one left behind), `state_folder` (that there is one run at a time), `broker`,
`greeting`.
"""
