"""The built site: all its pages, nothing from another host, pictures described, no button that leads nowhere."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.metadata import version
from urllib.parse import unquote, urlsplit

import guards
import pytest
import yaml

SITE = guards.ROOT / "_build" / "html"
sys.path.insert(0, str(guards.ROOT / "book" / "_ext"))
import claims  # noqa: E402
import srtheory_site  # noqa: E402

needs_site = pytest.mark.skipif(
    not SITE.is_dir() and not os.environ.get("CI"), reason="the book is not built: make book"
)
LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}


class Page(HTMLParser):
    """What a page loads by itself, the links that it offers, the anchors that it has."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.anchors, self.undescribed = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag in LOADS and given.get(LOADS[tag]):
            self.loads.append(given[LOADS[tag]])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "preconnect", "dns-prefetch"):
            self.loads.append(given.get("href", ""))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "img" and not (given.get("alt") or "").strip():
            self.undescribed.append(given.get("src", "")[:60])


def pages():
    toc = yaml.safe_load((guards.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


@pytest.fixture(scope="module")
def site():
    paths = [path for path in SITE.rglob("*.html") if "_static" not in path.parts]
    return {path.relative_to(SITE).as_posix(): Page(path.read_text(encoding="utf-8")) for path in paths}


@needs_site
def test_every_page_is_there(site):
    assert {f"{page}.html" for page in pages()} <= set(site)
    assert len(pages()) >= 10
    assert "index.html" in site


@needs_site
def test_no_page_loads_from_another_host(site):
    for name, page in site.items():
        foreign = [address for address in page.loads if re.match(r"(https?:)?//", address)]
        assert foreign == [], name


@needs_site
def test_pages_name_no_script_of_another_host_and_preload_no_font():
    for page in pages():
        text = (SITE / f"{page}.html").read_text(encoding="utf-8")
        assert not re.search(r"THEBE_JS_URL|thebe\.js|x-thebe-config|unpkg|jsdelivr|cdnjs|googleapis", text), page
        assert 'as="font"' not in text, page
        assert "bootstrap.js" in text, page


@needs_site
def test_what_pages_load_is_there(site):
    for name, page in site.items():
        for address in page.loads:
            if not address.startswith("data:"):
                path = (SITE / name).parent / unquote(urlsplit(address).path)
                assert path.resolve().is_file(), f"{name} loads {address}"


@needs_site
def test_links_lead_somewhere(site):
    for name, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            target = ((SITE / name).parent / unquote(parts.path)).resolve() if parts.path else SITE / name
            assert target.exists(), f"{name} links to {link}"
            inside = target.relative_to(SITE).as_posix()
            if parts.fragment and inside in site and inside not in ("genindex.html", "search.html"):
                assert unquote(parts.fragment) in site[inside].anchors, f"{name} links to {link}"


@needs_site
def test_pictures_are_described(site):
    for page in pages():
        assert site[f"{page}.html"].undescribed == [], page


@needs_site
def test_math_is_local_and_complete(site):
    assert (SITE / "mathjax" / srtheory_site.MATHJAX).stat().st_size > 1_000_000
    for page in ("chapters/ch02_range_null_space", "book/api/operators"):
        assert any(srtheory_site.MATHJAX in address for address in site[f"{page}.html"].loads)


@needs_site
def test_slider_is_on_the_page():
    text = (SITE / "chapters" / "ch02_range_null_space.html").read_text(encoding="utf-8")
    assert 'class="srtheory-slider"' in text
    assert 'type="range"' in text


@needs_site
def test_every_claim_is_on_the_ledger_page_with_its_filters(site):
    rows = claims.load()["claims"]
    page = (SITE / "book" / "claims.html").read_text(encoding="utf-8")
    assert {claim["id"] for claim in rows} <= site["book/claims.html"].anchors
    assert page.count('<div class="claim ') == len(rows)
    for control in ('<select name="paper">', '<select name="verdict">', '<input type="search" name="text"'):
        assert control in page
    assert f">{len(rows)} of {len(rows)} shown</output>" in page
    assert "card.hidden = " in page


@needs_site
def test_every_erratum_is_on_its_page():
    page = (SITE / "book" / "errata.html").read_text(encoding="utf-8")
    assert page.count('<div class="erratum ') == sum("erratum" in claim for claim in claims.load()["claims"])


@needs_site
def test_button_only_where_the_address_is_known():
    url = srtheory_site.repository_url(os.environ)
    known = urlsplit(url).hostname == "github.com"
    for path in guards.CHAPTERS:
        page = (SITE / "chapters" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert ("colab.research.google.com" in page) == known
        if known:
            assert f"{urlsplit(url).path[1:]}/blob/gh-pages/colab/chapters/{path.name}" in page
            assert url in (SITE / "colab" / "chapters" / path.name).read_text(encoding="utf-8")


@needs_site
def test_every_page_has_the_style_sheet():
    for page in pages():
        assert "site.css" in (SITE / f"{page}.html").read_text(encoding="utf-8"), page


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, ""),
        ({"SRTHEORY_REPOSITORY_URL": "https://example.org/a/b.git/"}, "https://example.org/a/b"),
        ({"GITHUB_SERVER_URL": "https://example.org", "GITHUB_REPOSITORY": "a/b"}, "https://example.org/a/b"),
        ({"GITHUB_REPOSITORY": "a/b"}, ""),
        ({"SRTHEORY_REPOSITORY_URL": "git@example.org:a/b.git"}, "https://example.org/a/b"),
    ],
)
def test_repository_url(environment, url):
    assert srtheory_site.repository_url(environment) == url


@pytest.mark.parametrize("url", ["github.com/a/b", "https://github.com/a", "here"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match="https://host/owner/name"):
        srtheory_site.repository_url({"SRTHEORY_REPOSITORY_URL": url})


def test_colab_copies_know_the_address(tmp_path):
    srtheory_site.write_colab_copies(guards.ROOT / "chapters", tmp_path, "https://example.org/a/b")
    for path in guards.CHAPTERS:
        copy, original = (guards.Chapter.read(p) for p in (tmp_path / path.name, path))
        assert '"https://example.org/a/b")' in guards.source(copy.code[0])
        assert copy.cells[2:] == original.cells[2:]


def run_first_cell(source, environment, tmp_path):
    """Run a first cell as a notebook would, the install command printed and not carried out."""
    source = re.sub(
        r"^( *)%pip (.*)$", r"\1print('pip', f'''\2'''.replace('$REPOSITORY', REPOSITORY))", source, flags=re.M
    )
    return subprocess.run(
        [sys.executable, "-c", source], cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True
    )


def test_first_cell_installs_on_colab_and_keeps_torch(tmp_path):
    source = guards.colab_cell(guards.Chapter.read(guards.CHAPTERS[0]))
    address = {"SRTHEORY_REPOSITORY_URL": "https://example.org/a/b"}
    on_colab = run_first_cell(source, address | {"COLAB_RELEASE_TAG": "release"}, tmp_path)
    assert "git+https://example.org/a/b" in on_colab.stdout
    assert "--constraint keep-torch.txt" in on_colab.stdout
    # As pip knows it: torch.__version__ of a build for a GPU has a local part that its metadata may lack.
    assert (tmp_path / "keep-torch.txt").read_text() == f"torch=={version('torch')}\n"


def test_first_cell_does_nothing_elsewhere(tmp_path):
    source = guards.colab_cell(guards.Chapter.read(guards.CHAPTERS[0]))
    result = run_first_cell(source, {}, tmp_path)
    assert (result.returncode, result.stdout, list(tmp_path.iterdir())) == (0, "", [])


def test_first_cell_without_an_address_says_what_to_do(tmp_path):
    source = guards.colab_cell(guards.Chapter.read(guards.CHAPTERS[0]))
    result = run_first_cell(source, {"COLAB_RELEASE_TAG": "release", "SRTHEORY_REPOSITORY_URL": ""}, tmp_path)
    assert result.returncode != 0
    assert "set REPOSITORY to the address" in result.stderr


def test_docstrings_become_pages():
    lines = ["Does $a^2$ with `x`; see chapter ch02_range_null_space.", "", "$$", r"\mu = D", "$$"]
    srtheory_site.docstring_math(None, "function", "f", None, {}, lines)
    text = "\n".join(lines)
    assert ":math:`a^2`" in text
    assert "``x``" in text
    assert ":doc:`chapter ch02_range_null_space </chapters/ch02_range_null_space>`" in text
    assert ".. math::" in text


def test_notebooks_are_valid_json():
    for path in guards.CHAPTERS:
        assert json.loads(path.read_text(encoding="utf-8"))["nbformat"] == 4
