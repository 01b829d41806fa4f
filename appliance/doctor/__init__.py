"""`studio doctor`: every check a person would make before they ask for help, each with its remedy.

A check is one file in `appliance/doctor/checks`: its docstring's first line is its title, `look(patient)` its
answer. It stands on files, processes and sockets, so that it works when the database does not. Found, not
listed.
"""
