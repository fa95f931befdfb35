"""The Microsoft simulator: sign-in and Graph under one address."""
