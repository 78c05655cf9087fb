"""Compares how two messages look: both are drawn by Chromium, which fetches nothing, and compared there."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple, Self

from schemas.errors import ConfigError, TransientError

WIDTH_PX, HEIGHT_PX = 800, 3000
TIMEOUT_S = 60
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    # Nothing is looked up, so neither pictures nor fonts come from elsewhere: no sender learns of the import.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    f"--window-size={WIDTH_PX},{HEIGHT_PX}",
)
_COMPARE = """<!doctype html><body><script>
const load = (data) => new Promise((done, fail) => {
  const image = new Image(); image.onload = () => done(image); image.onerror = fail;
  image.src = 'data:image/png;base64,' + data; });
const pixels = (image) => { const canvas = document.createElement('canvas');
  canvas.width = image.width; canvas.height = image.height;
  const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height).data; };
Promise.all([load('%s'), load('%s')]).then(([first, second]) => {
  const a = pixels(first), b = pixels(second); let sum = 0, changed = 0;
  for (let i = 0; i < a.length; i += 4) {
    const d = Math.abs(a[i] - b[i]) + Math.abs(a[i+1] - b[i+1]) + Math.abs(a[i+2] - b[i+2]);
    sum += d; changed += d > 0; }
  const count = a.length / 4;
  document.body.textContent = 'RESULT' + JSON.stringify({mean: sum / (count * 765), changed: changed / count}) + 'END';
});
</script>"""


class ScreenshotFailed(TransientError):
    """Chromium drew nothing in time: try again, or leave the screenshots out."""


class Difference(NamedTuple):
    """How far two pictures differ.

    mean     of all pixels and colours, 0 equal to 1 black against white
    changed  share of pixels that differ at all
    """

    mean: float
    changed: float


class Camera:
    """Draws messages. A context: what it needs on disk goes with it."""

    def __init__(self) -> None:
        found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if found is None:
            raise ConfigError("--screenshots needs Chromium, and none is on PATH: install it, or leave the option out")
        self._chromium = found

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="foresend-screens-", ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def difference(self, first: str, second: str) -> Difference:
        """How far two messages look different.

        Raises:
            ScreenshotFailed: Chromium does not draw one of them.
        """
        shots = [self._shot(number, html) for number, html in enumerate((first, second))]
        if shots[0] == shots[1]:
            return Difference(0.0, 0.0)
        page = self._path("compare.html")
        page.write_text(_COMPARE % tuple(base64.b64encode(shot).decode() for shot in shots), encoding="utf-8")
        out = self._run("--virtual-time-budget=20000", "--dump-dom", page.as_uri())
        found = re.search(r"RESULT(\{[^}]*\})END", out)
        if found is None:
            raise ScreenshotFailed("expected a comparison of two screenshots from Chromium, got none")
        return Difference(**json.loads(found[1]))

    def _shot(self, number: int, html: str) -> bytes:
        page, picture = self._path(f"{number}.html"), self._path(f"{number}.png")
        page.write_text(html, encoding="utf-8")
        picture.unlink(missing_ok=True)
        self._run(f"--screenshot={picture}", page.as_uri())
        if not picture.is_file():
            raise ScreenshotFailed("expected a screenshot from Chromium, got none")
        return picture.read_bytes()

    def _path(self, name: str) -> Path:
        return Path(self._folder.name) / name

    def _run(self, *arguments: str) -> str:
        command = [self._chromium, *_FLAGS, f"--user-data-dir={self._path('profile')}", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False, text=True)
        except subprocess.TimeoutExpired as error:
            raise ScreenshotFailed(f"expected Chromium to be done within {TIMEOUT_S} s, it was not") from error
        return done.stdout
