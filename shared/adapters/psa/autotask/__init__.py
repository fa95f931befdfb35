"""Autotask PSA: contracts for recurring services, and their services and bundles, which are what we
call lines.
"""
