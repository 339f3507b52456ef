"""The wall: an upstream that speaks every dialect and breaks every rule on demand, keeps a log, and sends a bill."""
