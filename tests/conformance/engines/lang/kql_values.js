// The values of the KQL interpreter: what a Kusto value is in JavaScript, how it is read, written, compared and grouped.
//
//   Kusto              JavaScript
//   null               null (of any type but string: "The string data type doesn't support null values", null-values)
//   bool               true, false
//   int, long          BigInt (32 or 64 bits, wrapping)
//   real               number
//   string             string
//   datetime           DateTime: ticks of 100 ns since 0001-01-01 (scalar-data-types/datetime)
//   timespan           TimeSpan: ticks of 100 ns (scalar-data-types/timespan)
//   guid               Guid
//   dynamic            any of these, an Array, or a Map (property bag); an integer in JSON is a long, another number a real
//   decimal            not supported: a query that computes with it is refused
//
// Names of documents in comments are pages below https://learn.microsoft.com/kusto/query/. Where they are silent, "measured" means: on
// Microsoft's Kusto emulator, as the authors of duckdb-kql 1.1.2 (MIT) record it in its source; what is not measured either is refused.
'use strict';

class Refused extends Error {} // the query is invalid, not supported, or its result is not documented
class DateTime {
  constructor(ticks) {
    this.ticks = ticks;
  }
}
class TimeSpan {
  constructor(ticks) {
    this.ticks = ticks;
  }
}
class Guid {
  constructor(text) {
    this.text = text.toLowerCase();
  }
}

const TICKS = { day: 864000000000n, hour: 36000000000n, minute: 600000000n, second: 10000000n, millisecond: 10000n, microsecond: 10n };
const UNIX_EPOCH = 621355968000000000n; // 1970-01-01 in ticks
const MAX_DATETIME = 3155378975999999999n; // 9999-12-31T23:59:59.9999999

const refuse = message => {
  throw new Refused(message);
};
const isNumber = value => typeof value === 'bigint' || typeof value === 'number';
const isBag = value => value instanceof Map;

// ---- types ------------------------------------------------------------------------------------------------------------
// The runtime type of a value that is not null.
function typeOf(value) {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'long';
  if (typeof value === 'number') return 'real';
  if (typeof value === 'string') return 'string';
  if (value instanceof DateTime) return 'datetime';
  if (value instanceof TimeSpan) return 'timespan';
  if (value instanceof Guid) return 'guid';
  return Array.isArray(value) ? 'array' : 'dictionary';
}

// The value as one of the static type that Microsoft's binder gives to the expression: widens int and long to real, turns a
// missing string into ''. Anything else that does not fit is a bug of the interpreter.
function conform(value, type, what) {
  if (type === 'dynamic') return value;
  if (value === null) return type === 'string' ? '' : null;
  const actual = typeOf(value);
  if (actual === type) return value;
  if (type === 'int' && actual === 'long') return BigInt.asIntN(32, value);
  if (type === 'real' && actual === 'long') return Number(value);
  if (type === 'decimal') refuse('the type decimal is not supported');
  throw new Error(`'${what}' is of the type ${type} but holds a ${actual}`);
}

// ---- numbers and times as text ------------------------------------------------------------------------------------------
const pad = (number, width) => String(number).padStart(width, '0');

// A whole real has the digit .0: make_set of real(5) is printed as [5.0] (summarize-operator).
function realText(value) {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return `${Object.is(value, -0) ? '-0' : value}.0`;
  const text = String(value);
  return text.includes('e') ? refuse(`the text of the real number ${text} is not documented`) : text;
}

// Days since 0001-01-01 -> [year, month, day] in the proleptic Gregorian calendar, through JavaScript's own calendar.
function datePart(ticks) {
  const date = new Date(Number((ticks - UNIX_EPOCH) / TICKS.day - ((ticks - UNIX_EPOCH) % TICKS.day < 0n ? 1n : 0n)) * 86400000);
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
}
function timePart(ticks) {
  const rest = ticks % TICKS.day;
  return {
    hour: Number(rest / TICKS.hour),
    minute: Number((rest % TICKS.hour) / TICKS.minute),
    second: Number((rest % TICKS.minute) / TICKS.second),
    fraction: Number(rest % TICKS.second),
  };
}
function datetimeOf(year, month, day, hour = 0, minute = 0, second = 0, fraction = 0) {
  // null if there is no such moment
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (year < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  const days = BigInt(Math.round(date.getTime() / 86400000));
  return new DateTime(UNIX_EPOCH + days * TICKS.day + BigInt(hour * 3600 + minute * 60 + second) * TICKS.second + BigInt(fraction));
}
function datetimeText(value, digits = 7) {
  const [year, month, day] = datePart(value.ticks);
  const { hour, minute, second, fraction } = timePart(value.ticks);
  return (
    `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}.` +
    `${pad(fraction, 7).slice(0, digits)}Z`
  );
}
function timespanText(value) {
  // [-][d.]hh:mm:ss[.fffffff], see totimespan-function
  const ticks = value.ticks < 0n ? -value.ticks : value.ticks;
  const days = ticks / TICKS.day;
  const { hour, minute, second, fraction } = timePart(ticks);
  return (
    (value.ticks < 0n ? '-' : '') +
    (days ? `${days}.` : '') +
    `${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}` +
    (fraction ? `.${pad(fraction, 7)}` : '')
  );
}

// tostring(): "If value is null, the result is an empty string" (tostring-function). A dynamic value becomes its JSON text, but a
// string in it stands for itself (scalar-data-types/dynamic).
function textOf(value) {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return realText(value);
  if (value instanceof DateTime) return datetimeText(value);
  if (value instanceof TimeSpan) return timespanText(value);
  if (value instanceof Guid) return value.text;
  return typeof value === 'object' ? jsonText(value) : String(value);
}

// ---- text to numbers and times ------------------------------------------------------------------------------------------
const fractionTicks = digits => Number((digits || '').padEnd(7, '0').slice(0, 7));

// "Supported formats", ISO 8601 (scalar-data-types/datetime). Other text that looks like a date or a time is refused: the other formats
// are advised against, and not documented completely. Text that does not is null.
function readDatetime(text) {
  const trimmed = text.trim();
  const m = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(Z|GMT|[+-]\d{2}:?\d{2})?)?$/i.exec(
    trimmed,
  );
  if (!m)
    return /^\d+$|\d[-/]\d|\d:\d|\d\s*(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i.test(trimmed)
      ? refuse(`the text '${trimmed.slice(0, 60)}' as a datetime: only ISO 8601 is supported`)
      : null;
  const moment = datetimeOf(+m[1], +m[2], +m[3], +(m[4] || 0), +(m[5] || 0), +(m[6] || 0), fractionTicks(m[7]));
  const zone = /^([+-])(\d{2}):?(\d{2})$/.exec(m[8] || '');
  if (!moment || !zone) return moment;
  const offset = BigInt(+zone[2] * 60 + +zone[3]) * TICKS.minute;
  return new DateTime(moment.ticks - (zone[1] === '+' ? offset : -offset));
}

const UNITS = {
  d: TICKS.day,
  h: TICKS.hour,
  m: TICKS.minute,
  s: TICKS.second,
  ms: TICKS.millisecond,
  microsecond: 10n,
  tick: 1n,
  day: TICKS.day,
  days: TICKS.day,
  hour: TICKS.hour,
  hours: TICKS.hour,
  min: TICKS.minute,
  minute: TICKS.minute,
  minutes: TICKS.minute,
  sec: TICKS.second,
  second: TICKS.second,
  seconds: TICKS.second,
  milli: TICKS.millisecond,
  millis: TICKS.millisecond,
  millisec: TICKS.millisecond,
  millisecond: TICKS.millisecond,
  milliseconds: TICKS.millisecond,
  micro: 10n,
  micros: 10n,
  microsec: 10n,
  microseconds: 10n,
  hr: TICKS.hour,
  hrs: TICKS.hour,
  ticks: 1n,
  nanosecond: null,
  nano: null,
};

// 1.5h, 90m, 0.12:34:56.7, 2 (days): see scalar-data-types/timespan
function readTimespan(text) {
  const trimmed = text.trim();
  let m = /^(-)?(\d+)(?:\.(\d+))?\s*([a-z]+)$/i.exec(trimmed);
  if (m) {
    const unit = UNITS[m[4].toLowerCase()];
    if (!unit) return refuse(`the timespan unit '${m[4]}' is not supported`);
    const scale = 10n ** BigInt((m[3] || '').length);
    const ticks = (BigInt(m[2] + (m[3] || '')) * unit) / scale;
    return new TimeSpan(m[1] ? -ticks : ticks);
  }
  m = /^(-)?(\d+)$/.exec(trimmed);
  if (m) return new TimeSpan(BigInt(trimmed) * TICKS.day);
  m = /^(-)?(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?$/.exec(trimmed);
  if (!m)
    return /^\d+$|\d[-/]\d|\d:\d|\d\s*(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i.test(trimmed)
      ? refuse(`the text '${trimmed.slice(0, 60)}' as a timespan is not documented`)
      : null;
  if (+m[3] > 23 || +m[4] > 59 || +(m[5] || 0) > 59) return null;
  const ticks =
    BigInt(m[2] || 0) * TICKS.day + BigInt(+m[3] * 3600 + +m[4] * 60 + +(m[5] || 0)) * TICKS.second + BigInt(fractionTicks(m[6]));
  return new TimeSpan(m[1] ? -ticks : ticks);
}

const inLong = value => value >= -(2n ** 63n) && value < 2n ** 63n;

// ---- JSON -----------------------------------------------------------------------------------------------------------------
// JSON text -> value; throws SyntaxError. An integer that fits is a long, any other number a real.
function parseJson(text) {
  let at = 0;
  const fail = () => {
    throw new SyntaxError(`JSON: unexpected text at ${at}`);
  };
  const space = () => {
    while (at < text.length && ' \t\n\r'.includes(text[at])) at++;
  };
  const word = (name, value) => (text.startsWith(name, at) ? ((at += name.length), value) : fail());
  const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
  const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
  function string() {
    STRING.lastIndex = at;
    const m = STRING.exec(text) || fail();
    at = STRING.lastIndex;
    return m[0].includes('\\') ? JSON.parse(m[0]) : m[0].slice(1, -1);
  }
  function list(close, item) {
    at++;
    space();
    if (text[at] === close) {
      at++;
      return;
    }
    for (;;) {
      space();
      item();
      space();
      if (text[at] === close) {
        at++;
        return;
      }
      if (text[at] !== ',') fail();
      at++;
    }
  }
  function value() {
    space();
    const first = text[at];
    if (first === '{') {
      const bag = new Map();
      list('}', () => {
        const key = string();
        space();
        if (text[at] !== ':') fail();
        at++;
        bag.set(key, value());
      });
      return bag;
    }
    if (first === '[') {
      const items = [];
      list(']', () => items.push(value()));
      return items;
    }
    if (first === '"') return string();
    if (first === 't') return word('true', true);
    if (first === 'f') return word('false', false);
    if (first === 'n') return word('null', null);
    NUMBER.lastIndex = at;
    const m = NUMBER.exec(text) || fail();
    at = NUMBER.lastIndex;
    return !m[1] && !m[2] && inLong(BigInt(m[0])) ? BigInt(m[0]) : Number(m[0]);
  }
  const result = value();
  space();
  return at === text.length ? result : fail();
}

function jsonText(value) {
  // no white space, as Kusto prints dynamic values
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (isBag(value)) return `{${[...value].map(([key, item]) => `${JSON.stringify(key)}:${jsonText(item)}`).join(',')}}`;
  return typeof value === 'bigint' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
    ? textOf(value)
    : JSON.stringify(textOf(value));
}

// ---- comparing and grouping -------------------------------------------------------------------------------------------------
// A text that is the same for two values if and only if they are one group key.
function keyOf(value) {
  if (value === null) return '0';
  if (typeof value === 'string') return `s${value}`;
  if (typeof value === 'bigint') return `i${value}`;
  if (typeof value === 'number') return `r${Object.is(value, -0) ? 0 : value}`;
  if (typeof value === 'boolean') return value ? 'bt' : 'bf';
  if (value instanceof DateTime) return `d${value.ticks}`;
  if (value instanceof TimeSpan) return `t${value.ticks}`;
  return value instanceof Guid ? `g${value.text}` : `j${jsonText(value)}`;
}
const keysOf = values => JSON.stringify(values.map(keyOf));

// Strings are ordered by code point (UTF-8 order), not by a language.
function compareText(a, b) {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const rank = unit => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit); // surrogates are above the others
    return rank(x) < rank(y) ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

// -1, 0 or 1 for two values that are not null and have one type (numbers may mix); undefined if they cannot be ordered.
function compare(a, b) {
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : a == b ? 0 : undefined; // == : 1n == 1, NaN is unordered
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if ((a instanceof DateTime && b instanceof DateTime) || (a instanceof TimeSpan && b instanceof TimeSpan))
    return a.ticks < b.ticks ? -1 : a.ticks > b.ticks ? 1 : 0;
  if (a instanceof Guid && b instanceof Guid) return compareText(a.text, b.text);
  return undefined;
}

// ---- upper and lower case ---------------------------------------------------------------------------------------------------
const foldAscii = text => text.replace(/[A-Z]+/g, part => part.toLowerCase());
// Code point by code point, as no context (final sigma) and no language counts.
function mapCase(text, method) {
  if (/^[\x00-\x7f]*$/.test(text)) return text[method]();
  return Array.from(text, c => {
    const mapped = c[method]();
    return Array.from(mapped).length === 1 ? mapped : refuse(`the case of '${c}' (several letters) is not documented`);
  }).join('');
}
const foldUnicode = text =>
  Array.from(text, c => {
    const lower = c.toLowerCase();
    return Array.from(lower).length === 1 ? lower : c;
  }).join('');

// A test that ignores case. "Case-insensitive operators are currently supported only for ASCII-text" (in-operator): if the letters
// beyond ASCII decide, the result is not documented.
function ignoringCase(test, a, b) {
  const result = test(foldAscii(a), foldAscii(b));
  if (/^[\x00-\x7f]*$/.test(a + b) || test(foldUnicode(a), foldUnicode(b)) === result) return result;
  return refuse('a comparison that ignores case is documented for ASCII only: use tolower()');
}

module.exports = {
  Refused,
  DateTime,
  TimeSpan,
  Guid,
  TICKS,
  UNIX_EPOCH,
  MAX_DATETIME,
  refuse,
  isNumber,
  isBag,
  typeOf,
  conform,
  datePart,
  timePart,
  datetimeOf,
  datetimeText,
  textOf,
  readDatetime,
  readTimespan,
  inLong,
  parseJson,
  jsonText,
  keyOf,
  keysOf,
  compare,
  compareText,
  mapCase,
  ignoringCase,
  pad,
};
