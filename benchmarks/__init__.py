"""Measures of the IPC layer beside other ways to call a method in another process.

`python -m benchmarks` prints a table. Nothing here is a test: no figure decides pass or fail.
"""
