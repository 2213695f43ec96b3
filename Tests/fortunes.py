"""Debian's fortunes-zh (Tang poems) and fortunes, as messages."""
import pathlib

FOLDER = pathlib.Path("/usr/share/games/fortunes")


def read(names):
    found = []
    for name in names:
        text = (FOLDER / name).read_text(encoding="utf-8", errors="replace")
        found += [one.strip("\n") for one in text.split("\n%\n")]
    return [one for one in found if one.strip() and len(one.encode()) <= 16384 and "\0" not in one]


def chinese():
    return read(["tang300", "song100"])


def english():
    return read(sorted(path.name for path in FOLDER.iterdir() if path.is_file() and "." not in path.name and path.name not in ("tang300", "song100", "chinese")))
