"""A small Syncro: customers, products, recurring invoices, and an invoice run of its own."""
