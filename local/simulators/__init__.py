"""Stand-ins for Microsoft and the PSAs that behave as their contracts say."""
