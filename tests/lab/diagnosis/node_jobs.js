// Jobs in Node that fail, each in its own way: node_jobs.js NAME.
const fs = require("fs");
const name = process.argv[2];
const http = process.env.HTTP;
const line = (level, text) => (name.length % 2 ? console.log(JSON.stringify({ time: new Date().toISOString(), level, msg: text })) : console.log(`[${new Date().toISOString()}] ${level.toUpperCase()} ${text}`));
const jobs = {
  prep_module: () => require("warehouse-client"),
  prep_syntax: () => { fs.writeFileSync("step.js", "const rows = [1, 2;\nmodule.exports = rows\n"); require(process.cwd() + "/step.js"); },
  definition_function: () => { fs.writeFileSync("shared.mjs", "export const load = () => 1;\n"); fs.writeFileSync("step.mjs", "import { loadPartition } from './shared.mjs';\nloadPartition();\n"); return import(process.cwd() + "/step.mjs"); },
  data_json: () => JSON.parse('{"rows": [1, 2,'),
  data_null: () => [{ id: 1, customer: { region: "eu" } }, { id: 2, customer: null }].map((r) => r.customer.region),
  resources_heap: () => { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)); },
  timeout_fetch: () => fetch(http + "/slow", { signal: AbortSignal.timeout(500) }),
  dependency_refused: () => fetch("http://127.0.0.1:2/export"),
  dependency_dns: () => new Promise((_, no) => require("http").get("http://warehouse.invalid/x").on("error", no)),
  dependency_429: async () => { const r = await fetch(http + "/429"); if (!r.ok) throw new Error(`GET /export: ${r.status} ${r.statusText}`); },
  credentials_401: async () => { const r = await fetch(http + "/401"); if (!r.ok) throw new Error(`GET /export answered ${r.status} ${r.statusText}`); },
  missing_input_file: () => fs.readFileSync("raw/orders-2026-11-26.json"),
  code_type: () => { const rows = undefined; return rows.map((r) => r.id); },
  code_function: () => { const store = {}; store.flush(); },
  code_assert: () => require("assert").strictEqual(2, 3),
  code_cause: async () => { try { null.total.x; } catch (e) { throw new Error("report could not be built", { cause: e }); } },
  write_exists: () => { fs.mkdirSync("out", { recursive: true }); fs.mkdirSync("out"); },
  fine_node: () => line("info", "0 errors, 0 timeouts, finished successfully"),
};
(async () => {
  line("info", `start ${name}, 0 errors so far`);
  line("warn", "cache miss rate 0.4, slow answers expected");
  for (let i = 1; i < 4; i++) line("info", `page ${i} fetched: ${i * 100} rows`);
  try {
    await jobs[name]();
  } catch (error) {
    if (name.length % 3 === 0) throw error;
    console.error(error);
    line("error", "job failed, 0 rows written");
    line("info", "closing pool");
    process.exit(1);
  }
})();
