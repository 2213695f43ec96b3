"""One's own account: the picture of the second factor."""
import json
import random

import zbar


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
