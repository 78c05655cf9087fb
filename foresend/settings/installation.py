"""What is the same for all programs of one installation."""

from dataclasses import dataclass, field

SECRET_LENGTH_MIN = 32


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
