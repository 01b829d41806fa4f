"""Backups: the database and its files as one moment, kept elsewhere, and the way back from them.

Each file is one idea: `base` is a copy of the running cluster, checked.
"""
