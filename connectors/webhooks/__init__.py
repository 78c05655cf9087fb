"""Webhooks of mail providers: verified, kept whole, and told in one set of names."""
