"""Turns an e-mail of MJML or HTML into a template: what it says by default is what the e-mail said."""

from templates.importing.around import DEFAULTS, Surroundings
from templates.importing.mail import Imported, Refused, import_mail

__all__ = ["DEFAULTS", "Imported", "Refused", "Surroundings", "import_mail"]
