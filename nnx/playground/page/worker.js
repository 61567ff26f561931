// The session in the browser's own Python: Pyodide, NumPy, array-api-compat and nnx, all from beside this file.
let answer = null;

async function begin(where) {
  postMessage({ told: "Loading Python: about 10 MB, 10 seconds" });
  const { loadPyodide } = await import(new URL(`${where.runtime}/pyodide.mjs`, import.meta.url).href);
  const python = await loadPyodide({ indexURL: new URL(`${where.runtime}/`, import.meta.url).href });
  postMessage({ told: "Loading NumPy and nnx: about 10 MB in all, 10 seconds" });
  await python.loadPackage("numpy");
  for (const wheel of where.wheels) {
    const response = await fetch(new URL(wheel, import.meta.url));
    if (!response.ok) throw new Error(`${wheel} is missing`);
    python.unpackArchive(await response.arrayBuffer(), "wheel");
  }
  python.runPython(`
import json, time
from nnx.playground import Session
from nnx.playground.messages import answered
session = Session(clock=time.perf_counter)
`);
  const given = python.globals.get("answered");
  const session = python.globals.get("session");
  answer = (text) => given(session, text);
  postMessage({ ready: true });
}

onmessage = ({ data }) => {
  if (answer === null) {
    begin(data).catch((error) => postMessage({ failed: `Python could not be started: ${error.message}` }));
    return;
  }
  try {
    postMessage({ answer: answer(data) });
  } catch (error) {
    const last = String(error.message).trim().split("\n").pop();
    postMessage({ answer: JSON.stringify({ id: JSON.parse(data).id, error: `the session failed: ${last}` }) });
  }
};
