"""Mail that comes back: bounces, complaints, and mails that unsubscribe."""
