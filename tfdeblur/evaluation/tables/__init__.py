"""The papers' published numbers as data, to compare your own with: one JSON file per paper.

`load_tables("scgan")["text"].value("SCGAN", "psnr")` is 20.65.
"""

import dataclasses
import json
from importlib import resources


@dataclasses.dataclass(frozen=True)
class PublishedTable:
    """A table of a paper.

    Attributes:
      paper: the citation.
      source: which table, figure or section.
      about: data, conditions and units.
      columns: column names; the first names the rows.
      rows: a name and its numbers, in the printed order; None where the paper prints a dash.
    """

    paper: str
    source: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]

    def value(self, row: str, column: str) -> float | None:
        """Return one number.

        Raises:
          KeyError: the row or column does not exist.
        """
        named = {cells[0]: cells for cells in self.rows}
        if row not in named:
            raise KeyError(
                f"{self.source} has the rows {', '.join(map(str, named))}. Got: {row!r}."
            )
        if column not in self.columns[1:]:
            known = ", ".join(self.columns[1:])
            raise KeyError(f"{self.source} has the columns {known}. Got: {column!r}.")
        cell = named[row][self.columns.index(column)]
        return None if cell is None else float(cell)


def load_tables(paper: str) -> dict[str, PublishedTable]:
    """Return the tables of `paper`, such as "scgan", by name.

    Raises:
      KeyError: there are no numbers for that paper.
    """
    folder = resources.files(__name__)
    names = (file.name for file in folder.iterdir())
    known = sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))
    if paper not in known:
        raise KeyError(f"published tables exist for {', '.join(known)}. Got: {paper!r}.")
    content = json.loads(folder.joinpath(f"{paper}.json").read_text(encoding="utf-8"))
    return {
        name: PublishedTable(
            paper=content["paper"],
            source=table["source"],
            about=table["about"],
            columns=tuple(table["columns"]),
            rows=tuple(tuple(row) for row in table["rows"]),
        )
        for name, table in content["tables"].items()
    }
