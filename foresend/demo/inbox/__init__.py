"""The inbox of the people who can be played: mails as they were received, and what can be done about them."""
