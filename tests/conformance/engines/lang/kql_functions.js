// The scalar functions of the KQL interpreter:  FUNCTIONS[name](args, call) -> value
//
// args are the values of the arguments; call is {now: DateTime, types: static types of the arguments, type: static type of the result,
// text: the call as written}. Where a page below https://learn.microsoft.com/kusto/query/ documents a surprising result, it is named;
// "measured" is explained in kql_values.js.
// A function that is not in the table is refused. Functions that look at other rows or evaluate lazily are in kql_expressions.js.
'use strict';
const {
  DateTime,
  TimeSpan,
  Guid,
  TICKS,
  UNIX_EPOCH,
  refuse,
  isNumber,
  isBag,
  typeOf,
  datePart,
  timePart,
  datetimeOf,
  textOf,
  pad,
  readDatetime,
  readTimespan,
  parseJson,
  keyOf,
  compare,
  compareText,
  mapCase,
} = require('./kql_values.js');
const { regexOf } = require('./kql_regex.js');
const { IP_FUNCTIONS } = require('./kql_ip.js');

// Null if an argument is null: "the null value is sticky" (scalar-data-types/null-values).
const strict = f => (args, call) => (args.some(a => a === null) ? null : f(args, call));
// The arguments of the types string and dynamic as texts.
const onText = f => (args, call) =>
  f(
    args.map((a, i) => (call.types[i] === 'string' || call.types[i] === 'dynamic' ? textOf(a) : a)),
    call,
  );
// The first n arguments as texts, whatever they are ("forcibly casted to strings", indexof-function).
const asText = (n, f) => (args, call) =>
  f(
    args.map((a, i) => (i < n ? spelled(a, call.types[i]) : a)),
    call,
  );
// The text of a value of a static type: True and False for a bool, but true and false for one inside of a dynamic value (measured).
const spelled = (value, type) => (type === 'bool' && value !== null ? (value ? 'True' : 'False') : textOf(value));
const undocumented = what => refuse(`${what} is not documented`);
const real = value => Number(value);
const index = value => Number(value);

// ---- numbers ----------------------------------------------------------------------------------------------------------
// Rounds down to a multiple of size counted from origin; "a null bin size, or a negative bin size will result in null" (bin-function);
// a size of zero gives null for integers and NaN for reals (measured).
function binAt(value, size, origin) {
  const span = value instanceof DateTime || value instanceof TimeSpan;
  if (span !== size instanceof TimeSpan) return undocumented('bin of these types');
  if (span || (typeof value === 'bigint' && typeof size === 'bigint' && typeof origin === 'bigint')) {
    const v = span ? value.ticks : value;
    const s = span ? size.ticks : size;
    const o = span ? origin.ticks : origin;
    if (s === 0n && span) return undocumented('a bin size of zero');
    if (s <= 0n) return null;
    const rest = (((v - o) % s) + s) % s;
    const result = v - rest;
    return value instanceof DateTime ? new DateTime(result) : span ? new TimeSpan(result) : result;
  }
  const v = real(value);
  const s = real(size);
  const o = real(origin);
  return s === 0 ? NaN : s < 0 ? null : o + Math.floor((v - o) / s) * s;
}
const bin = strict(([value, size]) =>
  binAt(value, size, value instanceof DateTime ? new DateTime(0n) : value instanceof TimeSpan ? new TimeSpan(0n) : 0n),
);

// round-function does not say where a half goes: refused if the nearest numbers away from zero and to even differ.
function round([value, digits = 0n]) {
  if (typeof value === 'bigint' && digits >= 0n) return value;
  const scale = 10 ** Math.abs(Number(digits));
  const scaled = Math.abs(digits < 0n ? real(value) / scale : real(value) * scale);
  const whole = Math.round(scaled);
  if (scaled % 1 === 0.5 && whole % 2 === 1) return undocumented('the rounding of an exact half');
  const result = Math.sign(real(value)) * (digits < 0n ? whole * scale : whole / scale);
  return typeof value === 'bigint' ? BigInt(result) : result;
}
function extreme(sign) {
  // "Non-null values take precedence over null values" (max-of-function)
  return args =>
    args
      .filter(a => a !== null)
      .reduce((best, a) => {
        if (best === null) return a;
        const order = compare(a, best);
        if (order === undefined) return undocumented('the order of these values');
        return order * sign > 0 ? a : best;
      }, null);
}
const mathematics = f => strict(([x]) => f(real(x)));

// ---- conversions ------------------------------------------------------------------------------------------------------
const NUMERIC = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
function toInteger(bits) {
  return strict(([value]) => {
    const fits = n => (BigInt.asIntN(bits, n) === n ? n : null);
    if (typeof value === 'bigint') return fits(value);
    if (typeof value === 'boolean') return value ? 1n : 0n;
    if (typeof value === 'number')
      return Number.isFinite(value) ? fits(BigInt(Math.trunc(value))) : undocumented('an integer of NaN or infinity');
    if (value instanceof DateTime || value instanceof TimeSpan) return fits(value.ticks);
    if (typeof value !== 'string') return null;
    if (/^[+-]?\d+$/.test(value)) return fits(BigInt(value.replace('+', '')));
    return /^\s*(0x[0-9a-f]+|[+-]?\d+)\s*$/i.test(value) ? undocumented(`the integer of the text '${value}'`) : null; // '1.5' is null (measured)
  });
}
const toReal = strict(([value]) => {
  if (isNumber(value)) return real(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') return undocumented('the real of such a value');
  if (NUMERIC.test(value)) return Number(value);
  return /^\s*[+-]?(inf|nan|0x)/i.test(value) || NUMERIC.test(value.trim()) ? undocumented(`the real of the text '${value}'`) : null;
});
const toBool = strict(([value]) => {
  // tobool-function
  if (typeof value === 'boolean') return value;
  if (isNumber(value)) return value != 0;
  if (typeof value !== 'string') return null;
  if (/^[+-]?\d+$/.test(value)) return BigInt(value.replace('+', '')) !== 0n; // measured
  const known = { true: true, false: false }[value];
  return known !== undefined
    ? known
    : /^\s*(true|false|[+-]?\d+)\s*$/i.test(value)
      ? undocumented(`the bool of the text '${value}'`)
      : null;
});
const toDatetime = strict(([value]) =>
  value instanceof DateTime
    ? value
    : typeof value === 'string'
      ? readDatetime(value)
      : isNumber(value)
        ? undocumented('the datetime of a number')
        : null,
);
const toTimespan = strict(([value]) =>
  value instanceof TimeSpan
    ? value
    : typeof value === 'string'
      ? readTimespan(value)
      : isNumber(value)
        ? undocumented('the timespan of a number')
        : null,
);
const toGuid = strict(([value]) => {
  // toguid-function: dashes don't count
  if (value instanceof Guid) return value;
  const digits = typeof value === 'string' ? value.replace(/-/g, '') : '';
  return /^[0-9a-f]{32}$/i.test(digits) ? new Guid(digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')) : null;
});

function fromJson([value]) {
  // parse-json-function
  if (typeof value !== 'string') return value;
  if (value.trim() === '') return null; // isnull(parse_json("")) is true (isnull-function)
  try {
    return parseJson(value);
  } catch (error) {
    if (error instanceof SyntaxError) return value;
    throw error;
  }
}
// gettype-function; a number inside of a dynamic value is a long or a double (measured; the page says int for parse_json('1')).
function getType([value], { types }) {
  if (types[0] !== 'dynamic') return types[0];
  return value === null ? 'null' : typeof value === 'number' ? 'double' : typeOf(value);
}

// ---- text -------------------------------------------------------------------------------------------------------------
const points = text => Array.from(text); // characters are Unicode code points
// "Negative numbers are only represented at minimum by their underlying data size" (tohex-function)
function toHex(value, length, type) {
  const digits = BigInt.asUintN(type === 'int' ? 32 : 64, value).toString(16);
  return digits.padStart(Math.min(length, 16), '0');
}

// "If a negative number, the substring will be retrieved from the end" (substring-function); '' if that is before the start (measured).
function substring([source, start, length]) {
  const all = points(source);
  const from = index(start) < 0 ? all.length + index(start) : index(start);
  if (from < 0) return '';
  return all.slice(from, length === undefined ? all.length : from + Math.max(0, index(length))).join('');
}
// The page's text (null for a negative start) and its example (2 for the start -5) differ, and so do they for the second occurrence.
function indexOf([source, lookup, start = 0n, length = -1n, occurrence = 1n]) {
  if (
    lookup === '' ||
    [start, length, occurrence].includes(null) ||
    start < 0n ||
    length < -1n ||
    occurrence < 1n ||
    (occurrence > 1n && length !== -1n)
  )
    return undocumented('indexof with these arguments');
  const all = points(source);
  const wanted = points(lookup);
  const end = length === -1n ? all.length : Math.min(all.length, index(start + length));
  let left = index(occurrence);
  for (let i = index(start); i + wanted.length <= end; i++) if (wanted.every((c, k) => all[i + k] === c) && --left === 0) return BigInt(i);
  return -1n;
}
function split([source, delimiter, requested]) {
  if (delimiter === '') return undocumented('split at an empty text');
  const parts = source.split(delimiter);
  if (requested === undefined || requested === null) return parts;
  return requested >= 0n && requested < parts.length ? [parts[index(requested)]] : undocumented('a split index outside of the parts');
}
// Removes one match at the start, one at the end (trim-function).
function trimmed(text, pattern, atStart, atEnd) {
  const left = atStart ? text.replace(regexOf(`^(?:${pattern})`).regex, '') : text;
  return atEnd ? left.replace(regexOf(`(?:${pattern})$`).regex, '') : left;
}
function found(pattern, group, source) {
  // extract-function
  const { regex, groups, repeatedGroup } = regexOf(pattern);
  const wanted = Number(group);
  if (wanted < 0 || wanted > groups) return undocumented(`the group ${wanted} of '${pattern}'`);
  if (wanted > 0 && repeatedGroup) refuse(`extract: a group of '${pattern}' is repeated`);
  regex.lastIndex = 0;
  const m = regex.exec(source);
  return m ? m[wanted] || '' : '';
}
function extract([pattern, group, source, type]) {
  const text = found(pattern, group, source);
  if (type === undefined) return text;
  return type === 'string' ? text : CASTS[type] ? CASTS[type]([text], { types: ['string'] }) : undocumented(`extract of the type ${type}`);
}
function extractAll([pattern, ...rest]) {
  // extract-all-function: one group gives texts, several give arrays
  if (rest.length > 1) return refuse('extract_all with captureGroups is not supported');
  const { regex, groups, repeatedGroup } = regexOf(pattern);
  if (groups === 0 || repeatedGroup) return refuse(`extract_all: '${pattern}' needs groups that are not repeated`);
  regex.lastIndex = 0;
  const all = [...rest[0].matchAll(regex)].map(m => (groups === 1 ? m[1] || '' : m.slice(1).map(g => g || '')));
  return all.length ? all : null;
}
function replaceRegex([source, pattern, rewrite]) {
  // \0 is the match, \1 .. the groups
  const { regex, groups, repeatedGroup } = regexOf(pattern);
  if (repeatedGroup && /\\[1-9]/.test(rewrite)) refuse(`replace_regex: a group of '${pattern}' is repeated`);
  return source.replace(regex, (...found) =>
    rewrite.replace(/\\(.)/g, (all, c) =>
      /\d/.test(c) && +c <= groups ? found[+c] || '' : c === '\\' ? '\\' : undocumented(`'${all}' in a rewrite pattern`),
    ),
  );
}
function countOf([source, search, kind = 'normal']) {
  // countof-function: 'normal' matches overlap, regex matches don't
  if (kind === 'regex') {
    const { regex } = regexOf(search);
    return BigInt([...source.matchAll(regex)].length);
  }
  if (search === '' || kind !== 'normal') return undocumented('countof with these arguments');
  let n = 0n;
  for (let at = source.indexOf(search); at >= 0; at = source.indexOf(search, at + 1)) n++;
  return n;
}

// ---- times ------------------------------------------------------------------------------------------------------------
const dayStart = ticks => ticks - (ticks % TICKS.day);
const dayOfWeek = ticks => (ticks / TICKS.day + 1n) % 7n; // 0001-01-01 was a Monday; Sunday is 0
function startOf(unit, value, offset) {
  const n = Number(offset);
  const [year, month] = datePart(value.ticks);
  if (unit === 'day') return new DateTime(dayStart(value.ticks) + BigInt(n) * TICKS.day);
  if (unit === 'week') return new DateTime(dayStart(value.ticks) - dayOfWeek(value.ticks) * TICKS.day + BigInt(n) * 7n * TICKS.day);
  if (unit === 'year') return datetimeOf(year + n, 1, 1);
  const months = year * 12 + month - 1 + n;
  return datetimeOf(Math.floor(months / 12), (months % 12) + 1, 1);
}
const startFunction = unit => strict(([value, offset = 0n]) => startOf(unit, value, offset));
const endFunction = unit => strict(([value, offset = 0n]) => new DateTime(startOf(unit, value, offset + 1n).ticks - 1n));
function dayOfYear(ticks) {
  return (dayStart(ticks) - datetimeOf(datePart(ticks)[0], 1, 1).ticks) / TICKS.day + 1n;
}
function isoWeek(ticks) {
  // ISO 8601: the week of the Thursday
  const thursday = dayStart(ticks) + (4n - (dayOfWeek(ticks) || 7n)) * TICKS.day;
  return (dayOfYear(thursday) - 1n) / 7n + 1n;
}
function datetimePart([part, value]) {
  // datetime-part-function
  const [year, month, day] = datePart(value.ticks);
  const { hour, minute, second, fraction } = timePart(value.ticks);
  const parts = {
    year,
    quarter: Math.floor((month - 1) / 3) + 1,
    month,
    day,
    hour,
    minute,
    second,
    millisecond: Math.floor(fraction / 10000),
    microsecond: Math.floor(fraction / 10),
    nanosecond: fraction * 100,
  };
  const name = part.toLowerCase();
  if (name === 'week_of_year') return isoWeek(value.ticks);
  if (name === 'dayofyear') return dayOfYear(value.ticks);
  return name in parts ? BigInt(parts[name]) : refuse(`datetime_part('${part}') is not supported`);
}
// The number of boundaries between the two moments (datetime-diff-function).
function datetimeDiff([unit, a, b]) {
  const months = value => {
    const [year, month] = datePart(value.ticks);
    return BigInt(year * 12 + month - 1);
  };
  const [x, y] = [months(a), months(b)];
  const name = unit.toLowerCase();
  if (name === 'year') return x / 12n - y / 12n;
  if (name === 'quarter') return x / 3n - y / 3n;
  if (name === 'month') return x - y;
  if (name === 'week') return startOf('week', a, 0n).ticks / (7n * TICKS.day) - startOf('week', b, 0n).ticks / (7n * TICKS.day);
  if (name === 'nanosecond') return (a.ticks - b.ticks) * 100n;
  const size = TICKS[name];
  return size ? a.ticks / size - b.ticks / size : refuse(`datetime_diff('${unit}') is not supported`);
}
function datetimeAdd([unit, amount, value]) {
  const name = unit.toLowerCase();
  const n = BigInt(amount);
  const size = name === 'week' ? 7n * TICKS.day : TICKS[name];
  if (size) return new DateTime(value.ticks + n * size);
  const count = { year: 12n, quarter: 3n, month: 1n }[name];
  if (!count) return refuse(`datetime_add('${unit}') is not supported`);
  const [year, month, day] = datePart(value.ticks);
  const months = BigInt(year * 12 + month - 1) + n * count;
  const moved = datetimeOf(Number(months / 12n), Number(months % 12n) + 1, day);
  return moved ? new DateTime(moved.ticks + (value.ticks % TICKS.day)) : undocumented('a date that the month does not have');
}
const DATE_FORMAT = /yyyy|yy|y|MM|M|dd|d|HH|H|hh|h|mm|m|ss|s|f{1,7}|F{1,7}|tt|[ /\-:,._[\]]|./g;
function formatDatetime([value, format]) {
  // format-datetime-function
  const [year, month, day] = datePart(value.ticks);
  const { hour, minute, second, fraction } = timePart(value.ticks);
  const h12 = hour % 12 || 12;
  const n = {
    yyyy: pad(year, 4),
    yy: pad(year % 100, 2),
    y: year % 100,
    MM: pad(month, 2),
    M: month,
    dd: pad(day, 2),
    d: day,
    HH: pad(hour, 2),
    H: hour,
    hh: pad(h12, 2),
    h: h12,
    mm: pad(minute, 2),
    m: minute,
    ss: pad(second, 2),
    s: second,
    tt: hour < 12 ? 'AM' : 'PM',
  };
  return format.replace(DATE_FORMAT, part =>
    part in n
      ? String(n[part])
      : /^f+$/.test(part)
        ? pad(fraction, 7).slice(0, part.length)
        : /^F+$/.test(part)
          ? pad(fraction, 7).slice(0, part.length).replace(/0+$/, '')
          : /^[ /\-:,._[\]]$/.test(part)
            ? part
            : undocumented(`'${part}' in a datetime format`),
  );
}
const SPAN_FORMAT = /d{1,8}|HH|H|hh|h|mm|m|ss|s|f{1,7}|F{1,7}|[ /\-:,._[\]]|./g;
function formatTimespan([value, format]) {
  // format-timespan-function
  const { hour, minute, second, fraction } = timePart(value.ticks < 0n ? -value.ticks : value.ticks);
  if (value.ticks < 0n) return undocumented('the format of a negative timespan');
  const days = value.ticks / TICKS.day;
  const n = { HH: pad(hour, 2), H: hour, hh: pad(hour, 2), h: hour, mm: pad(minute, 2), m: minute, ss: pad(second, 2), s: second };
  return format.replace(SPAN_FORMAT, part =>
    part in n
      ? String(n[part])
      : /^d+$/.test(part)
        ? pad(days, part.length)
        : /^f+$/.test(part)
          ? pad(fraction, 7).slice(0, part.length)
          : /^F+$/.test(part)
            ? pad(fraction, 7).slice(0, part.length).replace(/0+$/, '')
            : /^[ /\-:,._[\]]$/.test(part)
              ? part
              : undocumented(`'${part}' in a timespan format`),
  );
}
const unixTime = size =>
  strict(([value]) => new DateTime(UNIX_EPOCH + (typeof value === 'bigint' ? value * size : BigInt(Math.trunc(value * Number(size))))));
function makeDatetime(args) {
  const [year, month = 1n, day = 1n, hour = 0n, minute = 0n, second = 0] = args;
  const whole = Math.floor(Number(second));
  return datetimeOf(
    Number(year),
    Number(month),
    Number(day),
    Number(hour),
    Number(minute),
    whole,
    Math.round((Number(second) - whole) * 1e7),
  );
}

// ---- arrays and bags ----------------------------------------------------------------------------------------------------
const onArrays = f => (args, call) => (args.every(Array.isArray) ? f(args, call) : null);
const rank = value =>
  isNumber(value) || value instanceof DateTime || value instanceof TimeSpan
    ? 0
    : typeof value === 'string'
      ? 1
      : value instanceof Guid
        ? 2
        : 3;
// array-sort-asc-function: numbers and times, strings, guids, all others; the order within the others is not documented. "By default, null
// values are put last in the sorted array".
function sortArray(sign) {
  return ([array, nullsLast = true], { types }) => {
    if (types.length > 2 || (types.length === 2 && types[1] !== 'bool')) return refuse('array_sort of several arrays is not supported');
    if (!Array.isArray(array)) return null;
    const nulls = array.filter(v => v === null);
    const sorted = array
      .filter(v => v !== null)
      .sort((a, b) => {
        const byRank = rank(a) - rank(b);
        if (byRank) return sign > 0 ? byRank : undocumented('the descending order of several types');
        const order = compare(a, b);
        return order === undefined ? undocumented('the order of such elements') : sign * order;
      });
    return nullsLast ? [...sorted, ...nulls] : [...nulls, ...sorted];
  };
}
function distinctValues(values) {
  return [...new Map(values.map(v => [keyOf(v), v])).values()];
}
const setFunction = keep =>
  onArrays(([first, ...others]) => {
    const keys = others.map(array => new Set(array.map(keyOf)));
    return distinctValues(first).filter(v => keep(keyOf(v), keys));
  });
function rangeArray([start, stop, step]) {
  // range-function: the default step is 1 or 1 h
  const timed = start instanceof DateTime || start instanceof TimeSpan;
  const by = step === undefined ? (timed ? new TimeSpan(TICKS.hour) : 1n) : step;
  if ([start, stop, by].some(v => v === null)) return null;
  const raw = v => (v.ticks === undefined ? v : v.ticks);
  const size = raw(by);
  const out = [];
  if (size == 0) return undocumented('a range with step zero');
  if ([start, stop, by].some(v => typeof v === 'number')) {
    for (let i = 0; out.length < 1048576; i++) {
      const v = Number(start) + i * Number(by);
      if (Number(by) > 0 ? v > Number(stop) : v < Number(stop)) break;
      out.push(v);
    }
    return out;
  }
  for (let v = raw(start); out.length < 1048576 && (size > 0n ? v <= raw(stop) : v >= raw(stop)); v += size)
    out.push(start instanceof DateTime ? new DateTime(v) : timed ? new TimeSpan(v) : v);
  return out;
}
function packBag(args) {
  const bag = new Map();
  for (let i = 0; i < args.length; i += 2) bag.set(textOf(args[i]), args[i + 1]);
  return bag;
}
function slice([array, start, end]) {
  const at = n => (n < 0n ? array.length + Number(n) : Number(n));
  return array.slice(Math.max(0, at(start)), end === undefined ? undefined : at(end) + 1);
}

const CASTS = {
  int: toInteger(32),
  long: toInteger(64),
  real: toReal,
  double: toReal,
  bool: toBool,
  datetime: toDatetime,
  timespan: toTimespan,
  guid: toGuid,
  string: ([value], { types }) => spelled(value, types[0]),
  dynamic: ([value]) => value,
};

const FUNCTIONS = {
  // numbers
  abs: strict(([x]) => (x instanceof TimeSpan ? new TimeSpan(x.ticks < 0n ? -x.ticks : x.ticks) : x < 0 ? -x : x)),
  sign: ([x], { type }) => {
    const s = x === null ? 0 : x > 0 ? 1 : x < 0 ? -1 : 0;
    return type === 'real' ? s : BigInt(s);
  }, // 0 of null: measured
  bin,
  floor: bin,
  bin_at: strict(([value, size, origin]) => binAt(value, size, origin)),
  ceiling: strict(([x]) => (typeof x === 'bigint' ? x : Math.ceil(x))),
  sqrt: mathematics(x => (x < 0 ? undocumented('the root of a negative number') : Math.sqrt(x))),
  exp: mathematics(Math.exp),
  round: strict(round),
  pow: strict(([x, y]) => real(x) ** real(y)),
  log: mathematics(x => (x > 0 ? Math.log(x) : null)),
  log2: mathematics(x => (x > 0 ? Math.log2(x) : null)),
  log10: mathematics(x => (x > 0 ? Math.log10(x) : null)),
  isnan: ([x]) => typeof x === 'number' && Number.isNaN(x),
  isinf: ([x]) => x === Infinity || x === -Infinity,
  isfinite: ([x]) => x !== null && Number.isFinite(Number(x)),
  max_of: extreme(1),
  min_of: extreme(-1),
  // conversions
  tostring: ([value], { types }) => spelled(value, types[0]),
  toint: CASTS.int,
  tolong: CASTS.long,
  toreal: toReal,
  todouble: toReal,
  tobool: toBool,
  toboolean: toBool,
  todatetime: toDatetime,
  totimespan: toTimespan,
  toguid: toGuid,
  parse_json: fromJson,
  todynamic: fromJson,
  parsejson: fromJson,
  gettype: getType,
  // null and empty (isnull-function, isempty-function)
  isnull: ([x]) => x === null,
  isnotnull: ([x]) => x !== null,
  notnull: ([x]) => x !== null,
  isempty: ([x]) => x === null || x === '',
  isnotempty: ([x]) => x !== null && x !== '',
  notempty: ([x]) => x !== null && x !== '',
  not: strict(([x]) => !x),
  // text
  strlen: onText(([s]) => BigInt(points(s).length)),
  tolower: onText(([s]) => mapCase(s, 'toLowerCase')),
  toupper: onText(([s]) => mapCase(s, 'toUpperCase')),
  strcat: (args, { types }) => args.map((a, i) => spelled(a, types[i])).join(''),
  strcat_delim: ([delimiter, ...args], { types }) => args.map((a, i) => spelled(a, types[i + 1])).join(textOf(delimiter)),
  strcat_array: ([array, delimiter]) =>
    Array.isArray(array) ? array.map(textOf).join(delimiter) : undocumented('strcat_array of no array'),
  substring: onText(substring),
  tohex: strict(([value, length], { types }) => toHex(BigInt(value), length === undefined ? 1 : Number(length), types[0])),
  indexof: asText(2, indexOf),
  split: onText(split),
  reverse: asText(1, ([s]) => points(s).reverse().join('')),
  replace_string: onText(([s, lookup, by]) => (lookup === '' ? undocumented('replace_string of an empty text') : s.split(lookup).join(by))),
  replace_regex: onText(replaceRegex),
  trim: onText(([pattern, s]) => trimmed(s, pattern, true, true)),
  trim_start: onText(([pattern, s]) => trimmed(s, pattern, true, false)),
  trim_end: onText(([pattern, s]) => trimmed(s, pattern, false, true)),
  extract: onText(extract),
  extract_all: onText(extractAll),
  countof: onText(countOf),
  strcmp: onText(([a, b]) => BigInt(compareText(a, b))),
  strrep: asText(1, ([s, n, delimiter = '']) => Array(Number(n)).fill(s).join(textOf(delimiter))),
  isascii: onText(([s]) => /^[\x00-\x7f]*$/.test(s)),
  base64_encode_tostring: onText(([s]) => Buffer.from(s).toString('base64')),
  // times
  now: ([offset = null], { now }) => (offset ? new DateTime(now.ticks + offset.ticks) : now),
  ago: strict(([span], { now }) => new DateTime(now.ticks - span.ticks)),
  startofday: startFunction('day'),
  startofweek: startFunction('week'),
  startofmonth: startFunction('month'),
  startofyear: startFunction('year'),
  endofday: endFunction('day'),
  endofweek: endFunction('week'),
  endofmonth: endFunction('month'),
  endofyear: endFunction('year'),
  hourofday: strict(([t]) => BigInt(timePart(t.ticks).hour)),
  dayofweek: strict(([t]) => new TimeSpan(dayOfWeek(t.ticks) * TICKS.day)),
  dayofmonth: strict(([t]) => BigInt(datePart(t.ticks)[2])),
  dayofyear: strict(([t]) => dayOfYear(t.ticks)),
  monthofyear: strict(([t]) => BigInt(datePart(t.ticks)[1])),
  getmonth: strict(([t]) => BigInt(datePart(t.ticks)[1])),
  getyear: strict(([t]) => BigInt(datePart(t.ticks)[0])),
  week_of_year: strict(([t]) => isoWeek(t.ticks)),
  datetime_part: strict(datetimePart),
  datetime_diff: strict(datetimeDiff),
  datetime_add: strict(datetimeAdd),
  make_datetime: strict(makeDatetime),
  format_datetime: strict(formatDatetime),
  format_timespan: strict(formatTimespan),
  make_timespan: strict(args => {
    const [seconds, minutes, hours, days] = args.length === 2 ? [0n, args[1], args[0], 0n] : [...args].reverse();
    return new TimeSpan((days || 0n) * TICKS.day + hours * TICKS.hour + minutes * TICKS.minute + BigInt(Math.round(Number(seconds) * 1e7)));
  }),
  unixtime_seconds_todatetime: unixTime(TICKS.second),
  unixtime_milliseconds_todatetime: unixTime(TICKS.millisecond),
  unixtime_microseconds_todatetime: unixTime(10n),
  // arrays and bags
  array_length: onArrays(([a]) => BigInt(a.length)),
  pack_array: args => args,
  pack: packBag,
  bag_pack: packBag,
  pack_dictionary: packBag,
  array_concat: args => args.flatMap(a => (Array.isArray(a) ? a : a === null ? [] : [a])),
  array_reverse: onArrays(([a]) => [...a].reverse()),
  array_sort_asc: sortArray(1),
  array_sort_desc: sortArray(-1),
  array_sum: onArrays(([a]) => (a.every(isNumber) ? a.reduce((s, x) => s + Number(x), 0) : undocumented('the sum of such an array'))),
  array_slice: (args, call) => (Array.isArray(args[0]) ? slice(args, call) : null),
  array_index_of: ([array, value, ...more]) =>
    more.length
      ? refuse('array_index_of with a start is not supported')
      : Array.isArray(array)
        ? BigInt(array.findIndex(x => keyOf(x) === keyOf(value)))
        : null,
  set_has_element: ([array, value]) => (Array.isArray(array) ? array.some(x => keyOf(x) === keyOf(value)) : null),
  set_union: onArrays(arrays => distinctValues(arrays.flat())),
  set_difference: setFunction((key, others) => others.every(o => !o.has(key))),
  set_intersect: setFunction((key, others) => others.every(o => o.has(key))),
  set_equals: onArrays(([a, b]) => {
    const x = new Set(a.map(keyOf));
    const y = new Set(b.map(keyOf));
    return x.size === y.size && [...x].every(k => y.has(k));
  }),
  bag_keys: ([bag]) => (isBag(bag) ? [...bag.keys()] : null),
  bag_has_key: ([bag, key]) => (isBag(bag) ? (/^\$/.test(key) ? refuse('bag_has_key with a path is not supported') : bag.has(key)) : null),
  bag_merge: args => {
    const out = new Map();
    for (const bag of args) if (isBag(bag)) for (const [k, v] of bag) if (!out.has(k)) out.set(k, v);
    return out;
  },
  range: rangeArray,
  repeat: ([value, n]) => (n === null ? null : Array(Math.max(0, Number(n))).fill(value)),
  ...IP_FUNCTIONS,
};

module.exports = { FUNCTIONS, CASTS };
