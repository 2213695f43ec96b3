const loading = new Map();

/** Brings in a style sheet of a part that is loaded later; resolves when it counts. */
export function loadStyles(path) {
  if (!loading.has(path)) {
    loading.set(
      path,
      new Promise((resolve) => {
        const link = document.createElement("link");
        link.rel = "stylesheet";
        link.href = path;
        // Without its style a part is plain, and still there.
        link.onload = link.onerror = resolve;
        document.head.append(link);
      }),
    );
  }
  return loading.get(path);
}
