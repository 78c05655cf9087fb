"""Messages as they were sent, made again to the byte: from the record of a send and the release it was made with."""

from connectors.cache.releases import OpenRelease, Releases
from connectors.delivery.granting import digest_of
from connectors.delivery.send_rows import SendErased, SendRows
from connectors.delivery.tracking import Tracker
from connectors.gateway.choosing import fallback_of
from connectors.gateway.problems import Problem
from schemas.decisions import Rendered
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.sending import SendRecord


class SentMessages:
    """Finds sends and makes their messages again. From the event loop's thread alone: openers are not shared.

    tracker  as it was at the grant; None: links were left as they are
    """

    def __init__(self, rows: SendRows, releases: Releases, tracker: Tracker | None = None) -> None:
        self._rows = rows
        self._releases = releases
        self._tracker = tracker

    def message(self, workspace: WorkspaceId, user: UserId, send_id: SendId) -> Rendered | None:
        """The message as it was granted last; None where there is none, or its person was erased."""
        try:
            row = self._rows.find(workspace, send_id)
        except SendErased:
            return None
        if row is None or row.record.user != user or not row.record.digest:
            return None
        release = self._releases.find(workspace, row.record.release)
        return None if release is None else self.made(row.record, release)

    def made(self, record: SendRecord, release: OpenRelease) -> Rendered | None:
        """The message of a record; None where it is another than was sent: a key that signed its links is gone."""
        if record.body:
            unfilled = release.opener.open(record.body, record.template, record.locale)
            message = unfilled.filled(record.marks)
        else:
            try:
                message = fallback_of(release, record.template, record.locale)[1].filled(record.marks)
            except Problem:
                return None
        if self._tracker is not None:
            message = self._tracker.tracked(record, release, message)
        # Mutant: give it whatever it is; then `test_what_cannot_be_made_again_is_not_shown` fails.
        return message if digest_of(message) == record.digest else None
