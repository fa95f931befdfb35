"""The pages: HTML for people, from the same use cases and views as the API."""
