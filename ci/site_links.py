"""Follow all links of a built site: python ci/site_links.py HTML.

Links within the site must lead to a file, and to a place in it where they name one. Those to other
sites are counted and listed, and not followed: the check needs no network.
"""

import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SHOWN = 10
"""So many of the other sites are named."""


class Page(HTMLParser):
    """The places of a page that links can name, and its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember what an element is called and where it leads."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.places.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def dead_links(pages: dict[Path, Page]) -> list[str]:
    """Return a sentence for each link within the site that leads nowhere."""
    dead = []
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_file():
                dead.append(f"{file.name}: {link} leads to no file")
                continue
            places = pages[target].places if target in pages else set()
            if parts.fragment and target in pages and unquote(parts.fragment) not in places:
                dead.append(f"{file.name}: {link} names no place of {target.name}")
    return dead


def other_sites(pages: dict[Path, Page]) -> Counter[str]:
    """Count the links to each address elsewhere."""
    links = (link for page in pages.values() for link in page.links)
    return Counter(link for link in links if urlsplit(link).netloc)


def main() -> None:
    """Print what was found, and fail when a link is dead."""
    root = Path(sys.argv[1]).resolve()
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in root.rglob("*.html")}
    n_links = sum(len(page.links) for page in pages.values())
    elsewhere = other_sites(pages)
    hosts = Counter(urlsplit(link).netloc for link in elsewhere)
    print(
        f"{len(pages)} pages, {n_links} links, {len(elsewhere)} addresses elsewhere, not followed:"
    )
    for host, count in hosts.most_common(SHOWN):
        print(f"  {host}: {count}, not followed")
    if dead := dead_links(pages):
        sys.exit("\n".join(dead))


if __name__ == "__main__":
    main()
