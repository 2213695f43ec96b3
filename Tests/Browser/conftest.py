import contextlib

import pytest
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def people(chromium, everline):
    """Opens the page for one person after another; whatever a page complains about fails the test."""
    with contextlib.ExitStack() as stack:
        complaints = []

        def open_page(locale="zh-TW", everline=everline, **options):
            options.setdefault("viewport", {"width": 1200, "height": 800})
            context = chromium.new_context(locale=locale, ignore_https_errors=True, **options)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" and "ERR_" not in message.text and "WebSocket" not in message.text else None)
            page.goto(f"https://localhost:{everline.port(8443)}/")
            return page

        yield open_page
        assert complaints == []
