"""From events to cached communications: `step.py` says what one event does, `job.py` draws the wiring."""
