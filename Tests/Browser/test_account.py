"""One's own account: sessions, the password, the second factor with its picture."""
import base64
import hashlib
import hmac
import json
import random
import re
import struct
import time
import uuid

import zbar
from acting import log_in, register
from running import PASSWORD
from selenium.webdriver.common.keys import Keys


def test_qr_codes_are_read_by_others(everline, people):
    page = people("en-US")
    drawn = random.Random(4)
    texts = ["x", "otpauth://totp/Everline:%E6%9D%8E%E7%99%BD?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Everline", "李白 · 床前明月光"]
    texts += ["".join(drawn.choice("abcXYZ019%/:?&=月") for _ in range(length)) for length in (14, 15, 27, 62, 85, 107, 123, 180, 214, 290, 366, 415, 600, 900, 1400)]
    squares = page.js_async(f"""
        const {{ qrCode }} = await import('/scripts/model/qr.js');
        return {json.dumps(texts)}.map((text) => qrCode(text).map((row) => row.map(Number).join('')));""")
    scale, quiet = 4, 4
    for text, rows in zip(texts, squares):
        width = (len(rows) + 2 * quiet) * scale
        blank = b"\xff" * width
        pixels = blank * quiet * scale
        for row in rows:
            line = b"\xff" * quiet * scale + b"".join((b"\x00" if module == "1" else b"\xff") * scale for module in row) + b"\xff" * quiet * scale
            pixels += line * scale
        pixels += blank * quiet * scale
        image = zbar.Image(width, width, "Y800", pixels)
        zbar.ImageScanner().scan(image)
        assert [symbol.data for symbol in image] == [text], len(text)
    longest = page.js_async("""
        const { qrCode } = await import('/scripts/model/qr.js');
        try { qrCode('x'.repeat(3000)); return 'drawn'; } catch (error) { return [qrCode('x'.repeat(2331)).length, error.name]; }""")
    assert longest == [177, "RangeError"]


def code_of(secret):
    """RFC 6238: six digits, thirty seconds, SHA-1."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def test_sessions_and_password(everline, people):
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"acc{tag}", "Account")
    program = everline.user(f"acc{tag}")
    page.go("/account/profile")
    page.fill("input[name=displayName]", "另一個名字")
    page.find_text(".panel button", "Save").click()
    page.wait(lambda: page.js("return document.querySelector('.sidebar .user-name').textContent") == "另一個名字")
    page.js("document.querySelector('.sidebar-user .icon-button').click()")
    log_in(page, f"acc{tag}")
    page.go("/account/sessions")
    page.wait(lambda: page.count(".table tbody tr") == 2 and "This one" in page.text())
    # By what one tells them apart.
    assert "Chrome · Linux" in page.text() and page.js_async("""
        const { clientName } = await import('/scripts/model/client-name.js');
        return ['Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
            'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
            'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0', 'curl'].map(clientName);""") == [
        "Firefox · Windows", "Safari · iPhone", "Edge · Windows", "web"]
    page.find_text(".table button", "Log out").click()
    page.wait(lambda: page.count(".table tbody tr") == 1)
    program.push("session.ended")
    page.go("/account/security")
    page.fill("input[name=current]", PASSWORD)
    page.fill("input[name=new]", "password")
    page.find_text(".panel button", "Change password").click()
    page.wait(lambda: "This password is on the list of common ones." in page.text())
    page.fill("input[name=new]", "舉頭望明月，低頭思故鄉")
    page.find_text(".panel button", "Change password").click()
    page.wait(lambda: "Your password was changed." in page.text())
    page.go("/account/logins")
    page.wait(lambda: "Account created" in page.text() and page.count(".table tbody tr") >= 2)
    answer = everline.line().call("auth.login", username=f"acc{tag}", password=PASSWORD)
    assert answer["error"]["data"]["name"] == "auth.invalid_credentials"


def test_second_factor(everline, people):
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"two{tag}", "Two")
    page.go("/account/security")
    page.find_text(".panel button", "Turn on").click()
    page.fill("dialog input[name=password]", PASSWORD)
    page.find_text("dialog button", "Next").click()
    secret = page.wait(lambda: page.js("return document.querySelector('dialog .secret').textContent.replaceAll(' ', '')"))
    # What the picture says is what is typed.
    rows = page.js("const box = document.querySelector('.qr').viewBox.baseVal.width, path = document.querySelector('.qr-dark').getAttribute('d'); return [box, path]")
    assert secret in read_picture(*rows)
    page.fill("dialog input[name=code]", code_of(secret))
    page.find_text("dialog button", "Confirm").click()
    page.wait(lambda: page.count(".recovery-codes li") >= 8)
    recovery = page.js("return [...document.querySelectorAll('.recovery-codes code')].map(one => one.textContent)")
    page.find_text("dialog button", "I have kept them").click()
    page.wait(lambda: "A code of your authenticator app is asked for" in page.text())
    page.js("document.querySelector('.sidebar-user .icon-button').click()")
    page.find(".sign-in")
    page.fill("input[name=username]", f"two{tag}")
    page.fill("input[name=password]", PASSWORD)
    page.press(Keys.ENTER)
    # What is wrong is the code, and there one goes on.
    page.fill("input[name=code]", "aaaa-aaaa")
    page.press(Keys.ENTER)
    page.wait(lambda: "The code is wrong, or was used already." in page.text() and page.js("return document.activeElement.name") == "code")
    page.fill("input[name=code]", recovery[0])
    page.press(Keys.ENTER)
    page.find(".sidebar")


def read_picture(size, path):
    scale = 4
    dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)}
    pixels = b"".join(b"".join((b"\x00" if (x, y) in dark else b"\xff") * scale for x in range(int(size))) * scale for y in range(int(size)))
    image = zbar.Image(int(size) * scale, int(size) * scale, "Y800", pixels)
    zbar.ImageScanner().scan(image)
    return [symbol.data for symbol in image][0]
