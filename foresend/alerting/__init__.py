"""Rules by which Prometheus raises alarms, as Python sees them; the recording of healthy minutes for their tests."""
