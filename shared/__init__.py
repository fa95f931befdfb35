"""The library: rules, promises, verbs and the outside world. Triggers live in ``functions``."""
