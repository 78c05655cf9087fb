"""The ways a message leaves: as a file, by SMTP, by a provider's API, or to a webhook. All keep one promise."""
