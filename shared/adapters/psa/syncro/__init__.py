"""Syncro: recurring invoices (schedules), which are what we call agreements, and their lines."""
