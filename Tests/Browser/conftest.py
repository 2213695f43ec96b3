import contextlib
import pathlib
import subprocess

import pytest
from browser import Page


@pytest.fixture(scope="session")
def violations():
    """A function that looks at a page as it stands with axe-core; what it finds wrong, by rule and place."""
    script = subprocess.run([str(pathlib.Path(__file__).resolve().parents[2] / "compose/local/axe")], check=True, capture_output=True, text=True).stdout.strip()
    source = pathlib.Path(script).read_text()

    def look(page):
        page.wait(page.is_still)
        if not page.js("return typeof axe === 'object'"):
            page.js(source)
        return page.js_async("""
            const found = await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']});
            return found.violations.flatMap(({id, nodes}) => nodes.map(node => `${id}: ${node.html.slice(0, 160)} ${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ''}`));""")

    return look


@pytest.fixture
def people(everline):
    """Opens the page for one person after another; whatever a page complains about fails the test."""
    with contextlib.ExitStack() as stack:
        pages = []

        def open_page(language="zh-TW", everline=everline, **options):
            page = Page(f"https://localhost:{everline.port(8443)}/", language, **options)
            stack.callback(page.driver.quit)
            pages.append(page)
            return page

        yield open_page
        assert [page.complaints() for page in pages] == [[] for _ in pages]
