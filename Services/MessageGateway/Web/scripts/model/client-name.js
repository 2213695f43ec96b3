const BROWSERS = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["FxiOS/", "Firefox"], ["Chrome/", "Chrome"], ["CriOS/", "Chrome"], ["Safari/", "Safari"]];
const SYSTEMS = [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["CrOS", "ChromeOS"], ["Mac OS X", "macOS"], ["Linux", "Linux"]];

/** By what a session is told from others: "Firefox · Windows". The first that fits, as browsers name their forebears too. */
export function clientName(agent = navigator.userAgent) {
  const named = (list) => list.find(([sign]) => agent.includes(sign))?.[1];
  return [named(BROWSERS) ?? "web", named(SYSTEMS)].filter(Boolean).join(" · ");
}
