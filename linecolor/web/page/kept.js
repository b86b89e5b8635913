// Hints outlive a reload, another drawing and the browser's end: it keeps them for the file they were painted on.
const PREFIX = "linecolor hints: ";
const MOST = 30; // files

const key = (file) => `${PREFIX}${file.name} ${file.size} ${file.lastModified}`;
const read = (name) => {
  try {
    const { when, strokes } = JSON.parse(localStorage.getItem(name));
    return { when: Number(when), strokes: Array.isArray(strokes) ? strokes : [] };
  } catch {
    return { when: 0, strokes: [] }; // none, or of another version, or the browser keeps nothing
  }
};

/** Keep the strokes of a file in place of what was kept of it; the files longest untouched make room. */
export function keep(file, strokes) {
  try {
    localStorage.removeItem(key(file));
    if (!strokes.length) return;
    const text = JSON.stringify({ when: Date.now(), strokes });
    const others = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
    others.sort((a, b) => read(b).when - read(a).when);
    while (others.length >= MOST) localStorage.removeItem(others.pop());
    for (;;) {
      try {
        localStorage.setItem(key(file), text);
        return;
      } catch (error) {
        if (!others.length) throw error;
        localStorage.removeItem(others.pop());
      }
    }
  } catch (error) {
    console.warn(`These hints are not kept for later: ${error.message}`);
  }
}

/** The strokes that were kept of a file, none where there are none. */
export const kept = (file) => read(key(file)).strokes;
