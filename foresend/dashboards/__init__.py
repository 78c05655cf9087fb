"""Grafana's dashboards, written as code: `python -m foresend.dashboards` writes deploy/grafana/*.json.

Needs Grafana's own library, which the environment of developers has; nothing that runs needs it.
"""
