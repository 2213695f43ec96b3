"""Goes through a view with the tab key, and says of each control whether it can be seen that it has the focus."""
from selenium.webdriver.common.keys import Keys

PROBE = """
window.focusing ??= (() => {
    const pen = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
    const rgba = (colour) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((value, index) => value * a + below[index] * (1 - a));
    const ground = (node) => {
        const layers = [];
        for (; node; node = node.parentElement) {
            layers.push(rgba(getComputedStyle(node).backgroundColor));
            if (layers.at(-1)[3] === 1) break;
        }
        return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
    };
    const luminance = (colour) => colour.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)).reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
    const contrast = (one, other) => {
        const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const NAMES = ['outlineStyle', 'outlineWidth', 'outlineColor', 'borderTopColor', 'borderBottomColor', 'backgroundColor', 'boxShadow'];
    const chain = (node) => [node, node.parentElement, node.parentElement?.parentElement, node.closest('label')].filter((one, index, all) => one && all.indexOf(one) === index);
    const look = (node) => chain(node).map((one) => ({one, style: Object.fromEntries(NAMES.map((name) => [name, getComputedStyle(one)[name]])), offset: parseFloat(getComputedStyle(one).outlineOffset)}));
    const name = (node) => `${node.tagName.toLowerCase()}.${node.className} ${(node.getAttribute('aria-label') ?? node.textContent ?? '').trim().slice(0, 40)} ${node.name ?? ''}`;
    const visible = (node) => {
        const box = node.getBoundingClientRect();
        return node.checkVisibility({visibilityProperty: true}) && box.width > 0 && box.height > 0;
    };
    const CONTROLS = 'a[href], button, input, select, textarea, summary, [tabindex]';
    let last = null, reached = new Set();
    /** What shows that a control has the focus, by how it looked with it and looks without it. */
    const indicator = ({seen}) => {
        const now = new Map(seen.map(({one}) => [one, Object.fromEntries(NAMES.map((name) => [name, getComputedStyle(one)[name]]))]));
        let best = 0;
        for (const {one, style, offset} of seen) {
            const without = now.get(one);
            if (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && NAMES.slice(0, 3).some((name) => style[name] !== without[name])) {
                const colour = rgba(style.outlineColor);
                const grounds = offset < 0 ? [ground(one)] : [ground(one.parentElement)];
                best = Math.max(best, Math.min(...grounds.map((below) => contrast(over(colour, below), below))));
            }
            if (style.borderTopColor !== without.borderTopColor && parseFloat(getComputedStyle(one).borderTopWidth) > 0) {
                const below = ground(one.parentElement);
                best = Math.max(best, contrast(over(rgba(style.borderTopColor), below), below));
            }
        }
        return best;
    };
    /** Whether it is in sight, and not beneath something else. */
    const hidden = (node) => {
        const shown = node.matches('input[type=radio], input[type=checkbox], input[type=file]') ? node.closest('label') ?? node : node;
        const box = shown.getBoundingClientRect();
        const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth), top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
        if (right - left < 1 || bottom - top < 1) return true;
        const points = [[0.5, 0.5], [0.1, 0.2], [0.9, 0.2], [0.1, 0.8], [0.9, 0.8]].map(([x, y]) => document.elementFromPoint(left + (right - left) * x, top + (bottom - top) * y));
        return points.filter((found) => found && (shown.contains(found) || found.contains(shown))).length < 3;
    };
    return {
        begin() { last = null; reached = new Set(); },
        step() {
            const node = document.activeElement;
            const wrong = [];
            if (last && last.node.isConnected && last.node !== node) {
                const found = indicator(last);
                if (found < 3) wrong.push(`${name(last.node)}: the focus shows with ${found.toFixed(2)}`);
            }
            if (!node || node === document.body) { last = null; return [wrong, 'outside']; }
            // A field of a date has several places of its own.
            if (node === last?.node) return [wrong, 'within'];
            if (reached.has(node)) { last = null; return [wrong, 'again']; }
            reached.add(node);
            if (hidden(node)) wrong.push(`${name(node)}: hidden`);
            last = {node, seen: look(node)};
            return [wrong, name(node)];
        },
        /** Controls that the tab key did not come to. One of a group of radios stands for all; what has no place of its own in the order is gone to with the arrows. */
        missed() {
            const scope = document.querySelector('dialog[open]') ?? document;
            const groups = new Set([...reached].filter((node) => node.type === 'radio').map((node) => node.name));
            return [...scope.querySelectorAll(CONTROLS)].filter((node) => visible(node) && !node.disabled && node.tabIndex >= 0 && !reached.has(node) && !(node.type === 'radio' && groups.has(node.name))).map(name);
        },
    };
})();
"""


def tabbed(page, most=160):
    """What is wrong with a view; and how many controls were gone through."""
    page.js(PROBE + "focusing.begin()")
    wrong, steps, rounds = [], 0, 0
    while steps < most:
        page.press(Keys.TAB)
        found, where = page.js("return focusing.step()")
        wrong += found
        steps += 1
        if where == "outside":
            rounds += 1
            # From wherever it began to the end, and from the beginning to there.
            if rounds > 2:
                break
        elif where == "again":
            break
    assert steps < most, "the tab key comes to no end"
    return wrong + [f"{name}: not reached" for name in page.js("return focusing.missed()")], steps
