"""Build the static site: ``python docs/build_site.py``; ``make site`` makes the environment for it.

The pages are the repository's own Markdown. They are copied with the files that they link to into
``build/pages``, in the same layout, so that every link is the same there, and mkdocs makes ``build/site`` of
them. A link that leads nowhere and a page that is in no menu end it with exit code 1, and so does a page that
would fetch something from another place when it is read.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "build" / "pages"
SITE = ROOT / "build" / "site"

#: A link of a page, or the picture in one.
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
#: What docs/api.md says of a module: a comment, so that the page reads well where no site is built.
API = re.compile(r"<!-- reference of (autoloop[\w.]*): ([\w ]+) -->")
#: What a browser fetches by itself: scripts, styles, pictures, fonts.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b[^>]*\brel=[\"']?(?:stylesheet|preconnect|icon|preload)[^>]*\bhref=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|url\([\"']?((?:https?:)?//[^\"')]+)"
)


def main() -> int:
    """Build the site and return the exit code."""
    gather()
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run([*build, "--config-file", str(ROOT / "docs" / "mkdocs.yml")], check=False)
    if done.returncode:
        return 1
    foreign = sorted(fetched())
    for page, address in foreign:
        print(f"{page} fetches {address} when it is read: ship it with the site", file=sys.stderr)
    print(f"site: {SITE / 'index.html'}")
    return 1 if foreign else 0


def gather() -> None:
    """Copy the pages, and what they link to, into a tree of their own."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        copy = PAGES / page.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(API.sub(_reference, text), encoding="utf-8")
        for target in _linked(page, text):
            place = PAGES / target.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, place)
    shutil.copyfile(ROOT / "docs" / "site.css", PAGES / "docs" / "site.css")


def _linked(page: Path, text: str) -> Iterator[Path]:
    """Yield the files of the repository, other than pages, that a page links to."""
    for name in LINK.findall(text):
        target = (page.parent / name).resolve()
        if "://" not in name and target.suffix != ".md" and target.is_file() and ROOT in target.parents:
            yield target


def _reference(found: re.Match[str]) -> str:
    """Return what mkdocstrings makes the reference of a module's public names of."""
    module, names = found.groups()
    return "\n\n".join(f"::: {module}.{name}" for name in names.split())


def fetched() -> Iterator[tuple[str, str]]:
    """Yield each page or style of the site with what it would fetch from another place."""
    for path in [*SITE.rglob("*.html"), *SITE.rglob("*.css")]:
        for addresses in FETCHED.findall(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(SITE)), next(filter(None, addresses))


if __name__ == "__main__":
    sys.exit(main())
