import { qrCode } from "../../model/qr.js";
import { svg } from "../svg.js";

const QUIET = 4;

/** A text as a QR code, dark on light whatever the theme: that is what cameras read. */
export function qrPicture(text) {
  const rows = qrCode(text);
  const size = rows.length + QUIET * 2;
  const path = rows
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : "")))
    .join("");
  return svg(
    "svg",
    { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "shape-rendering": "crispEdges", label: "factor.picture" },
    svg("rect", { width: size, height: size, class: "qr-light" }),
    svg("path", { d: path, class: "qr-dark" }),
  );
}
