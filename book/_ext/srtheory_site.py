"""What a configuration file cannot say of the site: offline math, docstrings, the repository's address.

The address comes from SRTHEORY_REPOSITORY_URL, or from the variables that GitHub sets in its workflows. Where it is
known, chapters get a Colab button, and the site carries copies of the chapters that know where to install srtheory
from. Where it is not, there is no button.
"""

import json
import os
import re
import shutil
from importlib.metadata import files
from pathlib import Path
from urllib.parse import urlsplit

MATHJAX = "tex-svg-full.js"
PUBLISHED_BRANCH = "gh-pages"
REPOSITORY_LINE = 'os.environ.get("SRTHEORY_REPOSITORY_URL", "")'


def repository_url(environment):
    """Return the address, without .git or a slash at its end, or "" where it is not known."""
    url = environment.get("SRTHEORY_REPOSITORY_URL", "")
    if not url and environment.get("GITHUB_SERVER_URL") and environment.get("GITHUB_REPOSITORY"):
        url = f"{environment['GITHUB_SERVER_URL']}/{environment['GITHUB_REPOSITORY']}"
    url = url.strip().rstrip("/").removesuffix(".git")
    url = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", url)
    if url and not re.fullmatch(r"https?://[^/\s]+/[^/\s]+/[^/\s]+", url):
        raise ValueError(f"SRTHEORY_REPOSITORY_URL={url!r} is not the address of a repository, https://host/owner/name")
    return url


def _mathjax_file():
    for path in files("sphinx-mathjax-offline") or ():
        if path.name == MATHJAX:
            return Path(path.locate())
    raise FileNotFoundError(f"sphinx-mathjax-offline holds no {MATHJAX}")


def configure(app, config):
    config.mathjax_path = f"../mathjax/{MATHJAX}"  # beside _static: what lies inside _static is added to every page
    url = repository_url(os.environ)
    if url and urlsplit(url).hostname in ("github.com", "gitlab.com", "bitbucket.org"):
        config.html_theme_options = config.html_theme_options | {
            "repository_url": url,
            "repository_branch": PUBLISHED_BRANCH,
            "path_to_docs": "colab",
            "use_repository_button": True,
        }
        if urlsplit(url).hostname == "github.com":  # the only host that Colab opens notebooks from
            config.html_theme_options["launch_buttons"] = {"colab_url": "https://colab.research.google.com"}


def place_files(app, error):
    if error or app.builder.name != "html":
        return
    for page in Path(app.outdir).glob("**/*.html"):
        page.write_text(without_needless_requests(page.read_text(encoding="utf-8")), encoding="utf-8")
    target = Path(app.outdir) / "mathjax" / MATHJAX
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(_mathjax_file(), target)
    url = repository_url(os.environ)
    if url:
        write_colab_copies(Path(app.srcdir) / "chapters", Path(app.outdir) / "colab" / "chapters", url)


def without_needless_requests(page):
    """Drop font preloads, which fail on a page opened from disk, and Thebe, which names a script of another host."""
    page = re.sub(r'\s*<link rel="preload" as="font"[^>]*>', "", page)
    page = re.sub(r"\s*<script>const THEBE_JS_URL = .*?</script>", "", page)
    page = re.sub(r'\s*<script[^>]*src="[^"]*sphinx-thebe\.js[^"]*"></script>', "", page)
    return re.sub(r'\s*<script type="text/x-thebe-config">.*?</script>', "", page, flags=re.S)


def write_colab_copies(chapters, target, url):
    """Write the chapters as Colab opens them: the same, with the repository's address in the first cell."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(chapters.glob("ch*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
        source = "".join(first["source"])
        if REPOSITORY_LINE not in source:
            raise ValueError(f"{path.name}: the first code cell does not read {REPOSITORY_LINE}")
        known = REPOSITORY_LINE.replace('""', json.dumps(url))
        first["source"] = source.replace(REPOSITORY_LINE, known).splitlines(keepends=True)
        (target / path.name).write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def docstring_math(app, what, name, obj, options, lines):
    """Let docstrings write $...$, $$...$$ on lines of their own, `code`, and name chapters, which become links."""
    text = "\n".join(lines)
    text = re.sub(r"(?<![`:\w])`([^`\n]+)`(?!`)", r"``\1``", text)
    text = re.sub(
        r"^([ ]*)\$\$(.+?)\$\$[ ]*$",
        lambda match: f"{match[1]}.. math::\n\n{match[1]}   " + " ".join(match[2].split()),
        text,
        flags=re.M | re.S,
    )
    text = re.sub(r"\$([^$\n]+(?:\n[^$\n]+)?)\$", lambda match: ":math:`" + " ".join(match[1].split()) + "`", text)
    text = re.sub(r"\b[Cc]hapter (ch\d\d_\w+)", r":doc:`chapter \1 </chapters/\1>`", text)
    lines[:] = text.split("\n")


def setup(app):
    app.connect("config-inited", configure)
    app.connect("autodoc-process-docstring", docstring_math, priority=100)  # before napoleon, which has 500
    app.connect("build-finished", place_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
