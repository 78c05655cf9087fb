"""Payloads of any kind, looked at as the collector would take them in: nothing is sent anywhere."""
