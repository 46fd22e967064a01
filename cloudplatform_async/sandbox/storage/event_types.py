"""How the types of events are chosen, by filters and by subscriptions alike."""

# SQL for: `value` is the type `kind` (json_each has a `type` of its own), a family of it, or `*`.
TYPE_MATCHES = """(value IN (kind, '*')
    OR (substr(value, -2) = '.*' AND instr(kind, substr(value, 1, length(value) - 1)) = 1))"""
