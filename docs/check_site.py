"""Check a site that was built: every link of a page leads somewhere, and no page loads anything from another host.

python docs/check_site.py out/docs/html
"""

import argparse
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}
# a link of these kinds is followed by a reader at most
NOT_LOADED = {"index", "search", "next", "prev", "canonical", "author", "copyright", "genindex"}


class Page(HTMLParser):
    """Links, loaded files and anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loaded, self.anchors = [], [], {""}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Note what a tag refers to."""
        named = dict(attributes)
        self.anchors |= {named[key] for key in ("id", "name") if named.get(key)}
        if tag == "a" and named.get("href"):
            self.links.append(named["href"])
        target = named.get(LOADED.get(tag, ""))
        if target and not (tag == "link" and named.get("rel") in NOT_LOADED):
            self.loaded.append(target)


def broken(folder):
    """What is wrong with the links of a site, as lines of text.

    Args:
        folder: of the site.

    Returns:
        list of "page: target: what is wrong"; empty where all is well.
    """
    folder = Path(folder).resolve()
    templates = folder / "_static"
    paths = [path for path in sorted(folder.rglob("*.html")) if templates not in path.parents]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in paths}
    found = []
    for path, page in pages.items():
        for target in (*page.links, *page.loaded):
            wrong = _wrong(folder, path, target, pages, loaded=target in page.loaded)
            if wrong:
                found.append(f"{path.relative_to(folder)}: {target}: {wrong}")
    for path in sorted(folder.rglob("*.css")):
        for target in re.findall(r"(?:url\(|@import )['\"]?((?:https?:)?//[^'\")]+)", path.read_text(encoding="utf-8")):
            found.append(f"{path.relative_to(folder)}: {target}: loaded from another host")
    return found


def _wrong(folder, path, target, pages, *, loaded):
    url = urlsplit(target)
    if url.scheme == "data":
        return None
    if url.scheme or url.netloc:
        return "loaded from another host" if loaded else None
    file = (path.parent / unquote(url.path)).resolve() if url.path else path
    if file.is_dir():
        file = file / "index.html"
    if not file.is_file():
        return "there is no such file"
    if folder not in file.parents:
        return "lies outside the site"
    if url.fragment and file in pages and unquote(url.fragment) not in pages[file].anchors:
        return "there is no such anchor"
    return None


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="of the site")
    wrong = broken(parser.parse_args().folder)
    if wrong:
        sys.exit("\n".join([*wrong, f"{len(wrong)} broken links"]))


if __name__ == "__main__":
    main()
