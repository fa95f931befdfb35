"""A small HaloPSA: clients, recurring invoices, items, and an invoice run of its own."""
