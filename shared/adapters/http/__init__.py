"""Calls to JSON APIs: what may be sent again, which error a failure is, and exact numbers."""
