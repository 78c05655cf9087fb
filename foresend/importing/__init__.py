"""Imports e-mails from files into a workspace."""
