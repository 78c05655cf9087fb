"""Everything by which mail gets to the people who can be played: their mailbox, its server, a key, and a worker."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from foresend.demo.inbox.mailbox import Mailbox
from foresend.demo.inbox.pace import sending_domains
from foresend.demo.programs import DemoPrograms
from schemas.library import Release

KEY_FILE = "dkim.pem"


class PostOffice:
    """Takes mail from when it is opened to the end of a `with` block.

    addresses  of those who live here
    """

    def __init__(self, release: Release, addresses: Sequence[str]) -> None:
        self.mailbox = Mailbox(addresses)
        self._release = release
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def open(self, programs: DemoPrograms) -> None:
        """Make a key, take mail, and start the worker that sends: the first message must not wait for all that."""
        # Nor for the import of what speaks SMTP and makes keys.
        from foresend.demo.inbox.receiving import receiving  # noqa: PLC0415
        from foresend.demo.inbox.signing import DemoKey  # noqa: PLC0415

        key = DemoKey(programs.folder / KEY_FILE, sending_domains(self._release))
        port = self._stack.enter_context(receiving(self.mailbox, key.lookup))
        programs.start_worker(port, key.setting(programs.folder))
