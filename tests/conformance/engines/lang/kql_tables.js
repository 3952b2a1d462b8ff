// Events -> tables of Kusto values, and Kusto values -> JSON, as kql_types.py does it for the other KQL engines.
'use strict';
const fs = require('fs');
const path = require('path');
const {
  DateTime,
  TimeSpan,
  Guid,
  UNIX_EPOCH,
  TICKS,
  Refused,
  refuse,
  isBag,
  parseJson,
  jsonText,
  textOf,
  datetimeText,
  readDatetime,
  readTimespan,
} = require('./kql_values.js');

const TYPES = ['string', 'bool', 'int', 'long', 'real', 'decimal', 'datetime', 'timespan', 'dynamic', 'guid'];
const ALIASES = { boolean: 'bool', double: 'real', uuid: 'guid' };

// ISO 8601 text (no zone = UTC), epoch seconds or epoch milliseconds -> DateTime or null
function moment(value) {
  if (typeof value === 'bigint')
    return new DateTime(UNIX_EPOCH + value * (value > 100000000000n || value < -100000000000n ? TICKS.millisecond : TICKS.second));
  if (typeof value === 'number')
    return new DateTime(UNIX_EPOCH + BigInt(Math.round(Math.abs(value) > 1e11 ? value * 1e3 : value * 1e6)) * 10n);
  if (typeof value !== 'string') return null;
  try {
    return readDatetime(value);
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}
// The value Kusto holds after ingestion: a missing or null string is '', anything unreadable is null.
function loaded(value, type) {
  if (type === 'string')
    return value === null
      ? ''
      : typeof value === 'boolean'
        ? String(value)
        : isBag(value) || Array.isArray(value)
          ? jsonText(value)
          : textOf(value);
  if (value === null || value === '') return null;
  if (type === 'dynamic') {
    if (typeof value !== 'string') return value;
    try {
      return parseJson(value);
    } catch (error) {
      if (error instanceof SyntaxError) return value;
      throw error;
    }
  }
  if (type === 'datetime') return moment(value);
  if (type === 'bool') return { true: true, 1: true, false: false, 0: false }[String(value).toLowerCase()] ?? null;
  if (type === 'timespan') return typeof value === 'string' && value.includes(':') ? readTimespan(value) : null;
  if (type === 'guid') return new Guid(String(value));
  if (typeof value === 'boolean') return type === 'real' ? Number(value) : BigInt(value);
  if (type === 'real') {
    const n = Number(value);
    return typeof value === 'object' || Number.isNaN(n) ? null : n;
  }
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return BigInt(Math.trunc(value));
  return typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value) ? BigInt(value.trim().replace('+', '')) : null;
}

function eventsOf(request) {
  const given = request.events === undefined || request.events === null ? request.events_file : request.events;
  const names = (request.options && request.options.map) || {};
  const own = Object.prototype.hasOwnProperty;
  const load = source => {
    let list = source;
    if (typeof source === 'string') {
      try {
        list = fs
          .readFileSync(path.join(request.base || '', source), 'utf8')
          .split('\n')
          .filter(line => line.trim())
          .map(parseJson);
      } catch (error) {
        refuse(`events_file: ${error.message}`);
      }
    }
    if (!Array.isArray(list) || !list.every(isBag)) refuse('events: a list of JSON objects is expected');
    return list.map(event => new Map([...event].map(([k, v]) => [own.call(names, k) ? names[k] : k, v])));
  };
  if (given === undefined || given === null) return [];
  return isBag(given) ? new Map([...given].map(([table, source]) => [table, load(source)])) : load(given);
}

// -> {tables: Map of name to {columns, rows, serialized}, now: DateTime, notes: Set}
function tablesOf(request) {
  const schema = request.schema && typeof request.schema === 'object' ? request.schema : {};
  const names = Object.keys(schema);
  if (!names.length) refuse('schema: {"Table": {"Column": "type", ..}} is expected');
  let events = eventsOf(request);
  if (Array.isArray(events)) {
    if (names.length > 1 && events.length) refuse('events: with several tables {"Table": [..], ..} is expected');
    events = new Map([[names[0], events]]);
  }
  for (const name of events.keys()) if (!names.includes(name)) refuse(`events: table ${name} is not in the schema`);
  const tables = new Map();
  const notes = new Set();
  let newest = UNIX_EPOCH;
  for (const name of names) {
    const columns = Object.entries(schema[name]).map(([column, type]) => ({
      name: column,
      type: ALIASES[type.toLowerCase()] || type.toLowerCase(),
    }));
    for (const c of columns) if (!TYPES.includes(c.type)) refuse(`schema: unknown type '${c.type}' of ${name}.${c.name}`);
    const list = events.get(name) || [];
    const rows = list.map(event => columns.map(c => loaded(event.has(c.name) ? event.get(c.name) : null, c.type)));
    tables.set(name, { columns, rows, serialized: false });
    const extra = [...new Set(list.flatMap(event => [...event.keys()]))].filter(k => !columns.some(c => c.name === k)).sort();
    if (extra.length) notes.add(`${name}: event fields without a column are ignored: ${extra.join(', ')}`);
    const time = columns.findIndex(c => c.type === 'datetime');
    for (const row of rows) if (time >= 0 && row[time] && row[time].ticks > newest) newest = row[time].ticks;
  }
  const given = request.options && request.options.now;
  const now =
    given === undefined || given === null
      ? new DateTime(newest + TICKS.second)
      : moment(typeof given === 'number' && Number.isInteger(given) ? BigInt(given) : given) ||
        refuse(`options.now: cannot read ${JSON.stringify(given)}`);
  return { tables, now, notes };
}

// A row as a JSON object; times have 6 digits (7 if the last one counts), a timespan is {"timespan_s": seconds}.
function jsonOf(value, type) {
  if (type === 'datetime' && value) return JSON.stringify(datetimeText(value, value.ticks % 10n ? 7 : 6));
  if (type === 'timespan' && value) return `{"timespan_s": ${Number(value.ticks) / 1e7}}`;
  if (value instanceof DateTime || value instanceof TimeSpan || value instanceof Guid) return JSON.stringify(textOf(value));
  return typeof value === 'string' ? JSON.stringify(value) : jsonText(value);
}
const jsonOfRow = (columns, row) => `{${columns.map((c, i) => `${JSON.stringify(c.name)}: ${jsonOf(row[i], c.type)}`).join(', ')}}`;

module.exports = { tablesOf, jsonOfRow };
