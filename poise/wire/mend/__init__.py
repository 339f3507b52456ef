"""Repairing a broken answer: what the caller was sent, the same answer once more, or the rest of it from another model."""
