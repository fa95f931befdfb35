"""How a quantity changes on a date: one module for each kind of PSA, none known to the others.

Each answers two questions. ``opened``: how a group gets its line. ``changed``: what an existing
line needs. The planner asks the one that the PSA's capabilities name, and does the rest.

Source:
    docs/adr/0018-one-planner-four-ways-to-change.md
"""
