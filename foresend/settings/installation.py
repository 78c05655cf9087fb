"""What is the same for all programs of one installation."""

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SECRET_LENGTH_MIN = 32
OWN_SECRET = Path(".foresend/installation.secret")
"""Of an installation on one machine that was given none."""


@dataclass(frozen=True)
class InstallationSettings:
    """Section `installation`: the same values for every program, and for ever.

    secret  what people are named by of whom only an address is known (HMAC); empty: nobody is. Whoever changes it
            no longer finds them
    """

    secret: str = field(default="", repr=False)

    @property
    def secret_bytes(self) -> bytes:
        """The secret, as it goes into an HMAC."""
        return self.secret.encode()

    def problems(self) -> list[str]:
        """What is wrong with these values."""
        length = len(self.secret)
        if not self.secret or length >= SECRET_LENGTH_MIN:
            return []
        expected = f"expected at least {SECRET_LENGTH_MIN} characters, got {length}"
        return [f"installation.secret: {expected}; set FORESEND_INSTALLATION_SECRET=$(openssl rand -hex 32)"]


def secret_of(settings: InstallationSettings, file: Path = OWN_SECRET) -> bytes:
    """The installation's secret; where none is set, one that is made once and kept where only we can read it."""
    if settings.secret:
        return settings.secret_bytes
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(SECRET_LENGTH_MIN), encoding="ascii")
        # Programs that start together must not each have one of its own: the first name holds.
        with suppress(FileExistsError):
            file.hardlink_to(fresh)
        fresh.unlink()
    return file.read_bytes()
