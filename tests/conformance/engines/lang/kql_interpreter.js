// run.py's worker for KQL, engine "interpreter": executes a query over the events in memory.
//   in:  a list of cases on stdin (see README.md);  out: one JSON answer per line, {"ok", "rows", "columns", "notes"} or {"ok", "error"}
//
// Microsoft's parser and binder give the syntax tree with the types; the evaluation is written from Microsoft's documentation of KQL and
// shares no code with any compiler. Whatever is not supported, or not documented, is refused. Files: kql_values.js (the value model),
// kql_regex.js, kql_ip.js, kql_functions.js, kql_aggregates.js, kql_expressions.js, kql_operators.js, kql_tables.js (loading).
'use strict';
const fs = require('fs');
const { Worker } = require('worker_threads');
const { K, toArray, elements, globalsFor } = require('./kql_language_service.js');
const { Refused, refuse, parseJson } = require('./kql_values.js');
const { tablesOf, jsonOfRow } = require('./kql_tables.js');
const { Scope, compile, kindOf, isTable } = require('./kql_expressions.js');
const { compileTable, declare } = require('./kql_operators.js');

function run(request) {
  const options = request.options || {};
  const { tables, now, notes } = tablesOf(request);
  // The stored functions become let statements before the query: in the order given, one may call an earlier one.
  const prelude = (options.functions || [])
    .map(text => {
      const m = /^\s*([A-Za-z_]\w*)\s*(\([^]*?\))\s*(\{[^]*\})\s*$/.exec(text) || refuse(`options.functions: cannot read ${text}`);
      return `let ${m[1]} = ${m[2]} ${m[3]};\n`;
    })
    .join('');
  const code = K.KustoCode.ParseAndAnalyze(prelude + request.query, globalsFor(request.schema, []));
  const errors = toArray(code.GetDiagnostics()).filter(d => d.Severity === 'Error');
  if (errors.length) refuse(`Microsoft's parser: ${errors.map(d => `${d.Code} ${d.Message}`).join('; ')}`);
  const scope = new Scope({ tables, now, notes });
  const statements = elements(code.Syntax.Statements);
  const results = statements.filter(s => kindOf(s) === 'ExpressionStatement');
  if (results.length !== 1) refuse('the query must have exactly one result');
  for (const statement of statements) if (statement !== results[0]) declare(statement, scope);
  const { Expression } = results[0];
  if (!isTable(Expression)) {
    const value = compile(Expression, scope)(null, null);
    return { columns: ['result'], rows: [jsonOfRow([{ name: 'result', type: Expression.ResultType.Name }], [value])], notes };
  }
  const { columns, rows } = compileTable(Expression, scope)();
  return { columns: columns.map(c => c.name), rows: rows.map(row => jsonOfRow(columns, row)), notes };
}

function answer(request) {
  try {
    const { columns, rows, notes } = run(request);
    return `{"ok": true, "rows": [${rows.join(', ')}], "columns": ${JSON.stringify(columns)}, "notes": ${JSON.stringify([...notes])}`;
  } catch (error) {
    const message = error instanceof Refused ? error.message : `internal: ${error.stack.split('\n').slice(0, 3).join(' ')}`;
    return `{"ok": false, "error": ${JSON.stringify(message)}`;
  }
}

// A case that takes too long ends the process by SIGALRM, as in the other workers; run.py goes on with the next case.
function watchdog() {
  const deadline = new Int32Array(new SharedArrayBuffer(4)); // seconds since the start of the process; 0: none
  const program = `const { workerData: [deadline, start] } = require('worker_threads');
    setInterval(() => { if (deadline[0] && Date.now() - start > deadline[0] * 1000) process.kill(process.pid, 'SIGALRM'); }, 100);`;
  const start = Date.now();
  new Worker(program, { eval: true, workerData: [deadline, start] }).unref();
  return seconds => {
    deadline[0] = seconds === null ? 0 : Math.ceil((Date.now() - start) / 1000 + seconds);
  };
}

// What JSON.parse would have made of it
function plain(value) {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return Array.isArray(value) ? value.map(plain) : typeof value === 'bigint' ? Number(value) : value;
}

function main() {
  const limit = watchdog();
  for (const given of parseJson(fs.readFileSync(0, 'utf8'))) {
    const request = { ...plain(given), events: given.get('events') }; // the events stay as they are read: a long is not a JavaScript number
    const start = process.hrtime.bigint();
    limit((request.options && request.options.timeout) || 60);
    const text = answer(request);
    const ms = Math.round(Number(process.hrtime.bigint() - start) / 1e5) / 10;
    limit(null);
    process.stdout.write(`${text}, "ms": ${ms}}\n`);
  }
}

main();
