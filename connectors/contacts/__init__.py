"""Contacts: addresses in one form, and files of contacts with their permissions."""
