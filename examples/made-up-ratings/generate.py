"""Makes the made-up ratings that lie beside this file: people, films and tastes are invented.

The same shape as MovieLens, small enough to stand in the repository. Run it again to get the same files:

    python examples/made-up-ratings/generate.py
"""

import csv
import random
from pathlib import Path

HERE = Path(__file__).parent
SEED = 20240229
PEOPLE = 40
FILMS = 120
ROWS = 2_000
DAY_S = 86_400
FROM_S = 1_577_836_800  # 2020-01-01
DAYS = 1_000
GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
NO_GENRES = "(no genres listed)"
FIRST = ("Silent", "Last", "Broken", "Golden", "Hidden", "Burning", "Second", "Winter", "Paper", "Hollow")
SECOND = ("Harbour", "Letter", "Orchard", "Signal", "Compass", "Violin", "Bridge", "Garden", "Meridian", "Lantern")


def films(random_: random.Random) -> list[dict[str, str]]:
    """Invented films; some titles hold a comma, and a few have no genres."""
    titles = [f"{first} {second}" for first in FIRST for second in SECOND]
    titles += [f"{second}, The {first}" for first, second in zip(FIRST * 2, SECOND * 2, strict=True)]
    rows = []
    for number, title in enumerate(titles[:FILMS], 1):
        genres = sorted(random_.sample(GENRES, random_.randint(1, 3)))
        rows.append(
            {
                "movieId": str(number),
                "title": f"{title} ({random_.randint(1960, 2019)})",
                "genres": NO_GENRES if number % 40 == 0 else "|".join(genres),
            }
        )
    return rows


def ratings(random_: random.Random, library: list[dict[str, str]]) -> list[dict[str, str]]:
    """What the people rated, by time. Each likes two genres, rates in sittings, and some only once."""
    tastes = {person: random_.sample(GENRES, 2) for person in range(1, PEOPLE + 1)}
    weights = [1.0 / (rank + 1) for rank in range(PEOPLE)]
    rated: set[tuple[int, str]] = set()
    rows = []
    sittings = {person: _sittings(random_) for person in tastes}
    while len(rows) < ROWS:
        # Everybody once, then those who rate a lot more often than the others.
        person = len(rows) + 1 if len(rows) < PEOPLE else random_.choices(list(tastes), weights)[0]
        film = random_.choice(library)
        likes = any(genre in tastes[person] for genre in film["genres"].split("|"))
        is_refused = (person, film["movieId"]) in rated or (not likes and random_.random() < 0.6)
        if is_refused and len(rows) >= PEOPLE:
            continue
        rated.add((person, film["movieId"]))
        rating = min(5.0, max(0.5, round(random_.gauss(4.2 if likes else 2.8, 0.8) * 2) / 2))
        at_s = random_.choice(sittings[person]) + random_.randint(0, 3_600)
        rows.append(
            {
                "userId": str(person),
                "movieId": film["movieId"],
                "rating": str(rating),
                "timestamp": str(at_s),
            }
        )
    return sorted(rows, key=lambda row: int(row["timestamp"]))


def _sittings(random_: random.Random) -> list[int]:
    first = random_.randint(0, DAYS - 1)
    days = [first, *(random_.randint(first, DAYS) for _ in range(random_.randint(0, 6)))]
    return [FROM_S + day * DAY_S + random_.randint(17, 22) * 3_600 for day in days]


def write(folder: Path) -> None:
    """Write both files."""
    random_ = random.Random(SEED)
    library = films(random_)
    for name, rows in (("movies.csv", library), ("ratings.csv", ratings(random_, library))):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    write(HERE)
