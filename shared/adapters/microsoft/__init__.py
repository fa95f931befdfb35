"""Microsoft 365: signing in with msal, and reading licences from Graph."""
