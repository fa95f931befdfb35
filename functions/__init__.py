"""Triggers: decode, call one use case, report."""
