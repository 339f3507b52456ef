"""The fault table: each row injects one fault into the real request path, shows that it happened, and measures the goal."""
