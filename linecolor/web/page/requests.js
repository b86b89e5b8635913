// What the server is asked. An answer that is an error becomes a Problem with the server's own words.
export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Problem(0, "The server does not answer. Is linecolor-app still running?");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, told.error ?? `The server answered ${answer.status}.`);
}

const body = (order) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(order),
});
const bytes = (file) => ({ method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });

export const settings = async () => (await ask("settings")).json();
export const upload = async (file) => (await ask("pages", bytes(file))).json();
export const palette = async (file) => (await (await ask("palette", bytes(file))).json()).colors;
export const line = async (name) => (await ask(`pages/${name}/line.png`)).blob();
export const make = async (name, what, order) => (await ask(`pages/${name}/${what}`, body(order))).blob();
export const drop = (name) => fetch(`pages/${name}`, { method: "DELETE", keepalive: true }).catch(() => {});

export const sample = async () => {
  const [picture, strokes] = await Promise.all([ask("sample.png"), ask("sample.json")]);
  return { file: new File([await picture.blob()], "sample.png"), strokes: await strokes.json() };
};
