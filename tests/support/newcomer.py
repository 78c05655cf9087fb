"""Somebody with a fresh clone, an e-mail of one's own, and the README."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.documents import ROOT, commands

SECTION = "An e-mail of your own"
COMMANDS_MAX = 8
COMMAND_S = 120.0
MAIL = """<!doctype html>
<html lang="en">
<head><title>Spring is here, {{first_name}}</title></head>
<body style="background-color:#ffffff;color:#222222;font-family:Arial,sans-serif">
<table role="presentation" width="600" align="center"><tr><td>
<h1>Spring is here, {{first_name}}</h1>
<p>New boots, new paths. Come by and try them on, we are open until eight.</p>
<p><a href="https://www.outdoor.example/boots" style="background-color:#0b5cad;color:#ffffff">See the boots</a></p>
<p style="font-size:12px;color:#555555">Outdoor Ltd, 1 Hill Road, Bristol BS1 2AB</p>
</td></tr></table>
</body>
</html>
"""


def typed() -> list[str]:
    """What the README says to type, in order."""
    return [command.text for command in commands(ROOT / "README.md", SECTION)]


class Newcomer:
    """Types commands in a folder, with the environment's own programs and no others: neither Java nor anything else.

    opened  what a browser would have been opened with
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "my.html").write_text(MAIL, "utf-8")
        self._opened = folder / "opened.txt"
        browser = folder / "browser"
        browser.write_text(f'#!{sys.executable}\nimport sys\nopen({str(self._opened)!r}, "w").write(sys.argv[1])\n')
        browser.chmod(0o755)
        own = {name: value for name, value in os.environ.items() if not name.startswith(("FORESEND_", "JAVA"))}
        path = str(Path(sys.prefix) / "bin")
        assert shutil.which("java", path=path) is None
        self.environment = {**own, "PATH": path, "BROWSER": str(browser)}

    @property
    def opened(self) -> str:
        """The address that the browser was opened with; empty where it was not."""
        return self._opened.read_text() if self._opened.exists() else ""

    def type(self, command: str) -> str:
        """Do what a command does; returns what it prints."""
        done = subprocess.run(
            command.split(),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
        return done.stdout
