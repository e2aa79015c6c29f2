"""Mutation tests of the metrics, the statistics and the protocol: small faults that the tests must notice.

mutmut makes the faults and shows them; here is only a way to try thousands of them in minutes where importing torch
takes seconds: one process with all tests collected, and a fork of it for each fault.
"""
