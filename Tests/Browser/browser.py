import time

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, ElementNotInteractableException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By


class Found:
    """Something on a page that can be pressed: whatever stands there by then, as the page may be drawn anew at any time."""

    def __init__(self, page, look):
        self.page, self.look = page, look

    def click(self):
        end = time.monotonic() + 120
        while True:
            try:
                return self.page.wait(self.look).click()
            except (StaleElementReferenceException, ElementClickInterceptedException, ElementNotInteractableException):
                # It was not pressed.
                assert time.monotonic() < end
                time.sleep(0.05)


class Page:
    """One person's browser."""

    def __init__(self, url, language="zh-TW", size=(1200, 800), dark=False, phone=False):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--lang={language}", f"--window-size={size[0]},{size[1]}"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        if phone:
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": {"width": size[0], "height": size[1], "pixelRatio": 2.0, "touch": True}})
        options.set_capability("acceptInsecureCerts", True)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(300)
        self.run_cdp("Emulation.setLocaleOverride", {"locale": language})
        if dark:
            self.run_cdp("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        self.url = url.rstrip("/")
        self.driver.get(url)

    def run_cdp(self, command, parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def js_async(self, script):
        """The value that the body of an async function returns."""
        return self.driver.execute_async_script("const done = arguments[arguments.length - 1]; (async () => {" + script + "})().then(done)")

    def wait(self, condition, seconds=120):
        """Until the condition holds; its value."""
        end = time.monotonic() + seconds
        while True:
            try:
                value = condition()
                if value:
                    return value
            except Exception:
                value = None
            assert time.monotonic() < end, f"did not come about: {value!r}\n{self.text()[-2000:]}\n{self.driver.get_log('browser')}"
            time.sleep(0.05)

    def find(self, css):
        return self.found(css, None)

    def find_text(self, css, text):
        """The first element that shows exactly this text."""
        return self.found(css, text)

    def found(self, css, text):
        # In one go: there may be hundreds, and another of them every moment.
        def visible():
            return self.js("""const [css, text] = arguments;
                const seen = {opacityProperty: true, visibilityProperty: true, checkOpacity: true, checkVisibilityCSS: true};
                return [...document.querySelectorAll(css)].find(one => one.checkVisibility(seen) && one.getBoundingClientRect().width > 0
                    && (text === null || one.innerText.trim() === text)) ?? null;""", css, text)

        self.wait(visible)
        return Found(self, visible)

    def count(self, css):
        return len(self.driver.find_elements(By.CSS_SELECTOR, css))

    def fill(self, css, text):
        # Beyond what the driver can type, such as emoji. A dialog that opens may still move the focus.
        self.wait(lambda: self.js("""const [field, text] = arguments;
            field.focus();
            if (document.activeElement !== field) return false;
            field.select();
            document.execCommand('insertText', false, text);
            return field.value === text;""", self.find(css).look(), text))

    def is_still(self):
        """Whether nothing moves or changes its colour any more."""
        return self.js("return document.fonts.status === 'loaded' && document.getAnimations().every(one => one.playState !== 'running' || one.effect.getTiming().iterations === Infinity)")

    def press(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def chord(self, modifier, key):
        webdriver.ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def close(self):
        self.driver.quit()

    def text(self):
        return self.js("return document.body.innerText")

    def language(self):
        return self.js("return document.documentElement.lang")

    def bodies(self, css=".messages:not(.pending-messages) .message .body"):
        return self.js("return [...document.querySelectorAll(arguments[0])].map(item => item.textContent)", css)

    def go(self, path):
        """To an address of the same server."""
        self.driver.get(f"{self.url}{path}")

    def offline(self, off=True):
        """As if the network were gone."""
        self.run_cdp("Network.enable", {})
        self.run_cdp("Network.emulateNetworkConditions", {"offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})

    def complaints(self):
        """What the page's scripts and its policy complained of; a lost network is none."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE" and "ERR_" not in entry["message"] and "WebSocket" not in entry["message"]]
