"""What people do on the page, in a few words."""
from running import PASSWORD
from selenium.webdriver.common.keys import Keys


def register(page, name, shown):
    page.wait(lambda: page.js("""const button = [...document.querySelectorAll('.sign-in button')].find(one => /建立帳號|Create an account/.test(one.textContent));
        button?.click();
        return !!button"""))
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=displayName]", shown)
    page.find("button[type=submit]").click()
    page.find(".room-list, .sidebar")


def log_in(page, name):
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", PASSWORD)
    page.press(Keys.ENTER)
    page.find(".room-list, .sidebar")


def create_room(page, room):
    page.find(".rooms-top button").click()
    page.fill("dialog[open] input[name=room]", room)
    page.find("dialog button[type=submit]").click()
    page.wait(lambda: page.count("dialog[open]") == 0)
    page.find(".composer-text")


def write(page, text):
    page.fill(".composer-text", text)
    page.press(Keys.ENTER)


def open_room(page, room):
    page.find_text(".room-item-name", room).click()
    page.find(".timeline")


def shows(page, expected, seconds=120):
    page.wait(lambda: page.bodies() == expected, seconds)
