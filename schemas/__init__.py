"""Every shape that crosses a process, once: events, decisions, releases, models, keys, topics, errors, the codec."""
