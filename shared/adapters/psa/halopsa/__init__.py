"""HaloPSA: recurring invoices, which are what we call agreements, and their lines."""
