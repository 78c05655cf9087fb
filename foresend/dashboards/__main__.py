"""`python -m foresend.dashboards`: writes deploy/grafana/*.json from the code. A test holds the two together."""

from pathlib import Path

from foresend.dashboards.boards import BOARDS
from foresend.dashboards.grafana import as_json

FOLDER = Path(__file__).parents[2] / "deploy/grafana"


def write(folder: Path) -> None:
    """One file for each board."""
    folder.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        (folder / f"{board.name}.json").write_text(as_json(board, BOARDS), encoding="utf-8")


if __name__ == "__main__":
    write(FOLDER)
