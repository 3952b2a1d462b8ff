// Scalar expressions of the KQL interpreter:  compile(node, scope) -> (row, at) => value
//
// node is an expression of Microsoft's bound syntax tree, row an array of values in the order of the columns, at the place of the row:
// {rows, index, memory} (for window functions) or {group} (inside of summarize: the rows of the group).
// Every value is brought to the type that the binder gives to its expression; a value that does not fit stops the query.
'use strict';
const { K, S, elements } = require('./kql_language_service.js');
const {
  DateTime,
  TimeSpan,
  Guid,
  MAX_DATETIME,
  refuse,
  isNumber,
  isBag,
  typeOf,
  conform,
  textOf,
  readDatetime,
  readTimespan,
  compare,
  ignoringCase,
} = require('./kql_values.js');
const { FUNCTIONS } = require('./kql_functions.js');
const { AGGREGATES } = require('./kql_aggregates.js');
const { matches } = require('./kql_regex.js');
const operators = () => require('./kql_operators.js'); // on demand: the two files need each other

const SYNTAX_KINDS = new Map(
  Object.entries(K.Syntax.SyntaxKind)
    .filter(([, kind]) => typeof kind === 'number')
    .map(([name, kind]) => [kind, name]),
);
const kindOf = node => SYNTAX_KINDS.get(node.Kind);
const isTable = node => node.ResultType && Bridge.is(node.ResultType, S.TableSymbol);
const textOfNode = node => node.ToString(K.Syntax.IncludeTrivia.Interior).trim().replace(/\s+/g, ' ');
const typeName = node => (node.ResultType ? node.ResultType.Name : 'unknown');
const unsupported = node => refuse(`${kindOf(node)} is not supported: ${textOfNode(node).slice(0, 120)}`);

// What the names in an expression mean.
class Scope {
  constructor(query, parent = null, changes = {}) {
    // query: {now, notes, tables}; columns: [{name, type}] or null; aggregate: inside of summarize; serialized: window functions may be
    // used; lazy: inside of an argument that is not always evaluated
    Object.assign(
      this,
      { query, parent, columns: null, aggregate: false, serialized: false, lazy: false },
      parent && {
        columns: parent.columns,
        aggregate: parent.aggregate,
        serialized: parent.serialized,
        lazy: parent.lazy,
      },
      changes,
    );
    this.variables = new Map();
  }
  with(changes) {
    return new Scope(this.query, this, changes);
  }
  declare(name, variable) {
    this.variables.set(name, variable);
  } // {value()} | {table()} | {run, columns} | {node: function}
  find(name) {
    return this.variables.get(name) || (this.parent ? this.parent.find(name) : undefined);
  }
}

// ---- three-valued logic (scalar-data-types/null-values) -------------------------------------------------------------------
const and = (a, b) => (a === false || b === false ? false : a === null || b === null ? null : true);
const or = (a, b) => (a === true || b === true ? true : a === null || b === null ? null : false);

// "Applying the equality operator to two null values yields bool(null)", to a null and another value false; the page on logical
// operators says false for two nulls. Both drop the row in where.
function equal(a, b) {
  if ((a === '' && b === null) || (a === null && b === '')) return refuse("== of a dynamic null and '' is not documented");
  if (a === null || b === null) return a === null && b === null ? null : false;
  if (isBag(a) || isBag(b) || Array.isArray(a) || Array.isArray(b)) return refuse('== of an array or a property bag is not documented');
  const order = compare(a, b);
  if (order === undefined && !(isNumber(a) && isNumber(b))) return refuse(`== of a ${typeOf(a)} and a ${typeOf(b)} is not documented`);
  return order === 0;
}
const not = value => (value === null ? null : !value);
const sameText = (a, b) => ignoringCase((x, y) => x === y, a, b);
// A null (only a dynamic value can be one) next to a text follows the rule for null values.
const equalText = (a, b) => (a === null || b === null ? equal(a, b) : sameText(textOf(a), textOf(b)));

const ordered = test => (a, b) => {
  if (a === null || b === null) return null;
  const order = compare(a, b);
  if (order === undefined && !(isNumber(a) && isNumber(b)))
    return refuse(`the order of a ${typeOf(a)} and a ${typeOf(b)} is not documented`);
  return order !== undefined && test(order); // NaN is neither less nor greater
};

// ---- operators on texts (datatypes-string-operators) ------------------------------------------------------------------------
const ALPHANUMERIC = /[\p{L}\p{N}]/u;
const before = (text, at) => (at > 0 ? String.fromCodePoint(text.codePointAt(at - (/[\udc00-\udfff]/.test(text[at - 1]) ? 2 : 1))) : '');
const after = (text, at) => (at < text.length ? String.fromCodePoint(text.codePointAt(at)) : '');
// "By default, each string value is broken into maximal sequences of alphanumeric characters, and each of those sequences is made into
// a term": the searched text must occur, and its letters must not continue a term. Where it begins or ends with a delimiter there is no
// such condition, so that '' is everywhere (measured).
function hasTerm(text, term, open = {}) {
  const startsTerm = !open.left && ALPHANUMERIC.test(after(term, 0));
  const endsTerm = !open.right && ALPHANUMERIC.test(before(term, term.length));
  for (let at = text.indexOf(term); at >= 0; at = at < text.length ? text.indexOf(term, at + 1) : -1)
    if (!(startsTerm && ALPHANUMERIC.test(before(text, at))) && !(endsTerm && ALPHANUMERIC.test(after(text, at + term.length))))
      return true;
  return false;
}
const TEXT_TESTS = {
  Contains: (a, b) => a.includes(b),
  StartsWith: (a, b) => a.startsWith(b),
  EndsWith: (a, b) => a.endsWith(b),
  Has: (a, b) => hasTerm(a, b),
  HasPrefix: (a, b) => hasTerm(a, b, { right: true }),
  HasSuffix: (a, b) => hasTerm(a, b, { left: true }),
};

// ---- arithmetic (numerical-operators, datetime-timespan-arithmetic) -----------------------------------------------------------
const span = ticks => new TimeSpan(BigInt.asIntN(64, ticks));
const moment = ticks => (ticks >= 0n && ticks <= MAX_DATETIME ? new DateTime(ticks) : refuse('a datetime out of range is not documented'));
const impossible = (a, op, b) => refuse(`a ${typeOf(a)} ${op} a ${typeOf(b)} is not documented`);
const integers = (a, b) => typeof a === 'bigint' && typeof b === 'bigint';
const long = value => BigInt.asIntN(64, value);
const isTime = value => value instanceof DateTime || value instanceof TimeSpan;
const times = (value, factor) => span(typeof factor === 'bigint' ? value.ticks * factor : BigInt(Math.trunc(Number(value.ticks) * factor)));
const ARITHMETIC = {
  Add(a, b) {
    if (isNumber(a) && isNumber(b)) return integers(a, b) ? long(a + b) : Number(a) + Number(b);
    if ((a instanceof DateTime && b instanceof TimeSpan) || (a instanceof TimeSpan && b instanceof DateTime))
      return moment(a.ticks + b.ticks);
    return a instanceof TimeSpan && b instanceof TimeSpan ? span(a.ticks + b.ticks) : impossible(a, '+', b);
  },
  Subtract(a, b) {
    if (isNumber(a) && isNumber(b)) return integers(a, b) ? long(a - b) : Number(a) - Number(b);
    if (a instanceof DateTime && b instanceof TimeSpan) return moment(a.ticks - b.ticks);
    return isTime(a) && isTime(b) && typeOf(a) === typeOf(b) ? span(a.ticks - b.ticks) : impossible(a, '-', b);
  },
  Multiply(a, b) {
    if (isNumber(a) && isNumber(b)) return integers(a, b) ? long(a * b) : Number(a) * Number(b);
    return a instanceof TimeSpan && isNumber(b) ? times(a, b) : b instanceof TimeSpan && isNumber(a) ? times(b, a) : impossible(a, '*', b);
  },
  Divide(a, b) {
    // integers truncate; a timespan by a timespan is a real
    if (a instanceof TimeSpan && b instanceof TimeSpan) return Number(a.ticks) / Number(b.ticks);
    if (integers(a, b)) return b === 0n ? null : long(a / b); // null: measured
    if (isNumber(a) && isNumber(b)) return Number(a) / Number(b);
    if (a instanceof TimeSpan && typeof b === 'bigint' && b !== 0n) return span(a.ticks / b);
    return a instanceof TimeSpan && typeof b === 'number' && b !== 0 ? times(a, 1 / b) : impossible(a, '/', b);
  },
  Modulo(a, b) {
    // "always returns a small non-negative number"
    if (integers(a, b)) {
      const d = b < 0n ? -b : b;
      return d === 0n ? null : ((a % d) + d) % d;
    }
    return refuse(`a ${typeOf(a)} modulo a ${typeOf(b)} is not supported`);
  },
};

// ---- literals -------------------------------------------------------------------------------------------------------------
function literal(node) {
  const kind = kindOf(node);
  const text = textOfNode(node);
  const inside = /^\w+\s*\(([^]*)\)$/.exec(text);
  const body = (inside ? inside[1] : text).trim();
  if (kind === 'StringLiteralExpression' || kind === 'CompoundStringLiteralExpression') return node.LiteralValue;
  if (kind === 'NullLiteralExpression' || body === 'null') return null;
  const unquoted = body.replace(/^(["'])(.*)\1$/, '$2');
  if (kind === 'BooleanLiteralExpression')
    return { true: true, false: false, 1: true, 0: false }[unquoted.toLowerCase()] ?? unsupported(node);
  if (kind === 'IntLiteralExpression' || kind === 'LongLiteralExpression')
    return /^[+-]?(\d+|0x[0-9a-f]+)$/i.test(unquoted)
      ? unquoted[0] === '-'
        ? -BigInt(unquoted.slice(1))
        : BigInt(unquoted.replace('+', ''))
      : unsupported(node);
  if (kind === 'RealLiteralExpression') {
    const special = { nan: NaN, '+inf': Infinity, inf: Infinity, '-inf': -Infinity }[unquoted.toLowerCase()];
    return special !== undefined ? special : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(unquoted) ? Number(unquoted) : unsupported(node);
  }
  if (kind === 'DateTimeLiteralExpression') return readDatetime(unquoted) || unsupported(node);
  if (kind === 'TimespanLiteralExpression') return readTimespan(unquoted) || unsupported(node);
  return kind === 'GuidLiteralExpression' ? new Guid(unquoted) : unsupported(node);
}
// dynamic({"a": [1, 'x', datetime(2024-01-01)]})
function dynamicLiteral(node) {
  const kind = kindOf(node);
  if (kind === 'DynamicExpression') return dynamicLiteral(node.Expression);
  if (kind === 'JsonArrayExpression') return elements(node.Values).map(dynamicLiteral);
  if (kind === 'JsonObjectExpression')
    return new Map(elements(node.Pairs).map(p => [p.Name.LiteralValue ?? p.Name.ValueText, dynamicLiteral(p.Value)]));
  if (kind === 'UnaryMinusExpression') return -dynamicLiteral(node.Expression);
  return literal(node);
}

// ---- names, paths and elements ------------------------------------------------------------------------------------------------
function nameReference(node, scope) {
  const name = node.SimpleName;
  const symbol = node.ReferencedSymbol;
  if (symbol && Bridge.is(symbol, S.ColumnSymbol)) {
    const at = scope.columns ? scope.columns.findIndex(c => c.name === name) : -1;
    if (at < 0) return refuse(`the column ${name} cannot be used here`);
    return row => row[at];
  }
  const variable = scope.find(name);
  if (!variable) return unsupported(node);
  if (variable.value) return () => variable.value();
  if (variable.run)
    return variable.columns === scope.columns ? variable.run : refuse(`the parameter ${name} depends on a row of another table`);
  return refuse(`${name} is no scalar value`);
}
// "arr[-index]: retrieves the 'index'-th value from the end" (scalar-data-types/dynamic); what is missing is null
function element(value, key) {
  if (Array.isArray(value) && typeof key === 'bigint') {
    const at = key < 0n ? value.length + Number(key) : Number(key);
    return at >= 0 && at < value.length ? value[at] : null;
  }
  return isBag(value) && typeof key === 'string' && value.has(key) ? value.get(key) : null;
}

// ---- calls ------------------------------------------------------------------------------------------------------------------
const argumentsOf = node => elements(node.ArgumentList.Expressions);
function requireSerialized(node, scope) {
  if (!scope.serialized) refuse(`${node.Name.SimpleName}() needs a serialized row set: sort or serialize first (window-functions)`);
}
// prev() and next(): a column of another row; the default is null
function neighbour(sign) {
  return (node, scope) => {
    requireSerialized(node, scope);
    const [column, offset, fallback] = argumentsOf(node).map(a => compile(a, scope.with({ lazy: true })));
    return (row, at) => {
      const distance = offset ? offset(row, at) : 1n;
      const index = at.index + sign * Number(distance);
      if (distance === null || distance < 0n) return refuse(`${node.Name.SimpleName}() with such an offset is not documented`);
      if (index >= 0 && index < at.rows.length) return column(at.rows[index], { ...at, index });
      return fallback ? fallback(row, at) : null;
    };
  };
}
// Functions with a state that goes from row to row; step(state or undefined at the start, argument values) -> [state, value]
function running(step) {
  return (node, scope) => {
    requireSerialized(node, scope);
    if (scope.lazy) refuse(`${node.Name.SimpleName}() in a part that is not always evaluated is not supported`);
    const args = argumentsOf(node).map(a => compile(a, scope));
    return (row, at) => {
      const [state, value] = step(
        at.memory.get(node),
        args.map(a => a(row, at)),
      );
      at.memory.set(node, state);
      return value;
    };
  };
}
const LAZY = {
  iff(node, scope) {
    // "otherwise it returns the else value": also for null (iff-function)
    const [condition, yes, no] = argumentsOf(node).map((a, i) => compile(a, i ? scope.with({ lazy: true }) : scope));
    return (row, at) => (condition(row, at) === true ? yes(row, at) : no(row, at));
  },
  case(node, scope) {
    const args = argumentsOf(node).map((a, i) => compile(a, i ? scope.with({ lazy: true }) : scope));
    return (row, at) => {
      for (let i = 0; i + 1 < args.length; i += 2) if (args[i](row, at) === true) return args[i + 1](row, at);
      return args[args.length - 1](row, at);
    };
  },
  coalesce(node, scope) {
    // "isn't null (or not-empty for string expressions)" (coalesce-function)
    const args = argumentsOf(node).map((a, i) => compile(a, i ? scope.with({ lazy: true }) : scope));
    const text = typeName(node) === 'string';
    return (row, at) => {
      let value = null;
      for (const arg of args) {
        value = arg(row, at);
        if (value !== null && !(text && value === '')) return value;
      }
      return value;
    };
  },
  prev: neighbour(-1),
  next: neighbour(1),
  row_number: running((state, [start = 1n, restart = false]) => {
    const value = state === undefined || restart === true ? start : state + 1n;
    return [value, value];
  }),
  row_cumsum: running((state, [term, restart = false]) => {
    if (term === null) return refuse('row_cumsum() of null is not documented');
    const sum = state === undefined || restart === true ? term : ARITHMETIC.Add(state, term);
    return [sum, sum];
  }),
  row_window_session(node, scope) {
    // row-window-session-function
    return running((state, [value, fromFirst, between, restart = false]) => {
      if (value === null) return refuse('row_window_session() of null is not documented');
      const fresh =
        !state || restart === true || value.ticks - state.first.ticks >= fromFirst.ticks || value.ticks - state.last.ticks >= between.ticks;
      const next = { first: fresh ? value : state.first, last: value };
      return [next, next.first];
    })(node, scope);
  },
  column_ifexists(node, scope) {
    const [name, fallback] = argumentsOf(node);
    const at = (scope.columns || []).findIndex(c => c.name === name.LiteralValue);
    if (!name.IsLiteral) return refuse('column_ifexists() with a computed name is not supported');
    return at >= 0 ? row => row[at] : compile(fallback, scope);
  },
};
LAZY.iif = LAZY.iff;

// An aggregate inside of summarize: at.group holds the rows.
function aggregate(node, scope) {
  const inner = scope.with({ aggregate: false });
  const name = node.Name.SimpleName;
  const parts = argumentsOf(node).map(a =>
    kindOf(a) === 'StarExpression' ? null : { run: compile(a, inner), column: kindOf(a) === 'NameReference' },
  );
  const call = {
    name,
    query: scope.query,
    args: parts,
    type: typeName(node),
    columns: scope.columns,
    results: node.ResultType.Columns ? elements(node.ResultType.Columns).map(c => c.Name) : null,
  };
  const compute = AGGREGATES[name](call);
  return (row, at) => compute(at.group);
}
// A function that the query declares: its body with types, as the binder expands it for this call.
function userFunction(node, scope, declared) {
  return operators().callUserFunction(node, scope, declared);
}
function call(node, scope) {
  const name = node.Name.SimpleName;
  const declared = scope.find(name);
  if (declared) return userFunction(node, scope, declared).run;
  if (LAZY[name]) return LAZY[name](node, scope);
  if (scope.aggregate && AGGREGATES[name]) return aggregate(node, scope);
  const f = FUNCTIONS[name];
  if (!f) return refuse(`the function ${name}() is not supported`);
  const nodes = argumentsOf(node);
  if (nodes.some(n => kindOf(n) === 'SimpleNamedExpression' || kindOf(n) === 'StarExpression')) return unsupported(node);
  const args = nodes.map(a => compile(a, scope));
  const info = { now: scope.query.now, types: nodes.map(typeName), type: typeName(node) };
  return (row, at) =>
    f(
      args.map(a => a(row, at)),
      info,
    );
}

// ---- compile ------------------------------------------------------------------------------------------------------------------
// The values of the list of in, has_any ..: constants, nested arrays ("flattened into a single list", in-operator), tables.
function listOf(node, scope) {
  const parts = elements(node.Expressions).map(e => {
    if (!isTable(e)) {
      const value = compile(e, scope);
      return (row, at) => [value(row, at)];
    }
    let values = null;
    const table = operators().compileTable(e, scope.with({ columns: null }));
    return () => values || (values = table().rows.map(row => row[0]));
  });
  return (row, at) => parts.flatMap(part => part(row, at)).flat(Infinity);
}
// `where * has "x"`: "the rows in which the word appears in any column" (where-operator). Columns of the types string and dynamic are
// tested; whether the text of another column counts is not documented, so a row that it would decide is refused.
function anyColumn(node, scope, test) {
  const right = compile(node.Right, scope);
  const texts = scope.columns.map(c => c.type === 'string' || c.type === 'dynamic');
  return (row, at) => {
    const wanted = right(row, at);
    const found = row.map((value, i) => i).filter(i => test(textOf(row[i]), wanted) === true);
    if (found.some(i => texts[i])) return true;
    return found.length ? refuse(`whether * includes the column ${scope.columns[found[0]].name} is not documented`) : false;
  };
}
function binary(node, scope, kind) {
  const base = kind.replace(/Expression$/, '');
  const lazy = scope.with({ lazy: true });
  if (base === 'And' || base === 'Or') {
    const left = compile(node.Left, scope);
    const right = compile(node.Right, lazy);
    const joined = base === 'And' ? and : or;
    const ends = base === 'Or';
    return (row, at) => {
      const a = left(row, at);
      return a === ends ? a : joined(a, right(row, at));
    };
  }
  if (ARITHMETIC[base]) {
    const left = compile(node.Left, scope);
    const right = compile(node.Right, scope);
    const f = ARITHMETIC[base];
    return (row, at) => {
      const a = left(row, at);
      const b = right(row, at);
      return a === null || b === null ? null : f(a, b);
    };
  }
  const text = /^(Not)?(Contains|StartsWith|EndsWith|HasPrefix|HasSuffix|Has)(Cs)?$/.exec(base);
  const tests = {
    Equal: equal,
    NotEqual: (a, b) => not(equal(a, b)),
    EqualTilde: equalText,
    BangTilde: (a, b) => not(equalText(a, b)),
    LessThan: ordered(o => o < 0),
    LessThanOrEqual: ordered(o => o <= 0),
    GreaterThan: ordered(o => o > 0),
    GreaterThanOrEqual: ordered(o => o >= 0),
    MatchesRegex: (a, b) => matches(textOf(a), textOf(b)),
  };
  let test = tests[base];
  if (text) {
    const f = TEXT_TESTS[text[2]];
    const plain = (a, b) => (text[3] ? f(textOf(a), textOf(b)) : ignoringCase(f, textOf(a), textOf(b)));
    test = text[1] ? (a, b) => !plain(a, b) : plain;
  }
  if (!test) return unsupported(node);
  if (kindOf(node.Left) === 'StarExpression')
    return /^Not|^Bang/.test(base) || typeName(node.Right) !== 'string'
      ? refuse('such a test of * is not supported')
      : anyColumn(node, scope, test);
  const left = compile(node.Left, scope);
  const right = compile(node.Right, scope);
  return (row, at) => test(left(row, at), right(row, at));
}
function membership(node, scope, kind) {
  const left = compile(node.Left, scope);
  const list = listOf(node.Right, scope);
  const negated = kind.startsWith('Not');
  const test = /InCs/.test(kind) ? equalText : equal; // InCs.. is in~ in Microsoft's tree
  return (row, at) => {
    const a = left(row, at);
    if (Array.isArray(a)) return refuse('in with an array on the left is not documented');
    const result = list(row, at)
      .map(b => test(a, b))
      .reduce(or, false);
    return negated ? not(result) : result;
  };
}
function hasMany(node, scope, all) {
  const left = compile(node.Left, scope);
  const list = listOf(node.Right, scope);
  return (row, at) => {
    const a = textOf(left(row, at));
    const results = list(row, at).map(b => ignoringCase(TEXT_TESTS.Has, a, textOf(b)));
    return all ? results.every(Boolean) : results.some(Boolean);
  };
}
function between(node, scope, kind) {
  const left = compile(node.Left, scope);
  const first = compile(node.Right.First, scope);
  const second = compile(node.Right.Second, scope);
  const atLeast = ordered(o => o >= 0);
  const atMost = ordered(o => o <= 0);
  return (row, at) => {
    const a = left(row, at);
    const low = first(row, at);
    const last = second(row, at);
    const high = low instanceof DateTime && last instanceof TimeSpan ? ARITHMETIC.Add(low, last) : last;
    const result = and(atLeast(a, low), atMost(a, high));
    return kind.startsWith('Not') ? not(result) : result;
  };
}

const EXPRESSIONS = {
  ParenthesizedExpression: (node, scope) => compile(node.Expression, scope),
  SimpleNamedExpression: (node, scope) => compile(node.Expression, scope),
  NameReference: nameReference,
  DynamicExpression(node) {
    const value = dynamicLiteral(node);
    return () => value;
  },
  TypeOfLiteralExpression(node) {
    const [type] = elements(node.Types);
    return () => textOfNode(type);
  },
  PathExpression(node, scope) {
    if (typeName(node.Expression) !== 'dynamic' || kindOf(node.Selector) !== 'NameReference') return unsupported(node);
    const value = compile(node.Expression, scope);
    const name = node.Selector.SimpleName;
    return (row, at) => element(value(row, at), name);
  },
  ElementExpression(node, scope) {
    if (typeName(node.Expression) !== 'dynamic') return unsupported(node);
    const value = compile(node.Expression, scope);
    const key = compile(node.Selector.Expression, scope);
    return (row, at) => element(value(row, at), key(row, at));
  },
  UnaryMinusExpression(node, scope) {
    const value = compile(node.Expression, scope);
    return (row, at) => {
      const v = value(row, at);
      return v === null ? null : v instanceof TimeSpan ? span(-v.ticks) : isNumber(v) ? -v : refuse(`- of a ${typeOf(v)}`);
    };
  },
  UnaryPlusExpression: (node, scope) => compile(node.Expression, scope),
  FunctionCallExpression: call,
  HasAnyExpression: (node, scope) => hasMany(node, scope, false),
  HasAllExpression: (node, scope) => hasMany(node, scope, true),
  ToScalarExpression(node, scope) {
    // the first cell of the table (toscalar-function)
    const table = operators().compileTable(node.Expression, scope.with({ columns: null }));
    let result;
    return () => {
      if (result === undefined) {
        const { rows } = table();
        result = rows.length ? rows[0][0] : null;
      }
      return result;
    };
  },
};

function compile(node, scope) {
  const kind = kindOf(node);
  const type = typeName(node);
  let run;
  if (EXPRESSIONS[kind]) run = EXPRESSIONS[kind](node, scope);
  else if (/LiteralExpression$/.test(kind)) {
    const value = literal(node);
    run = () => value;
  } else if (/^(Not)?In(Cs)?Expression$/.test(kind)) run = membership(node, scope, kind);
  else if (/^(Not)?BetweenExpression$/.test(kind)) run = between(node, scope, kind);
  else if (Bridge.is(node, K.Syntax.BinaryExpression)) run = binary(node, scope, kind);
  else return unsupported(node);
  if (/^(type|tuple)$/.test(type)) return run;
  if (!/^(bool|int|long|real|string|datetime|timespan|guid|dynamic)$/.test(type) && kind !== 'NullLiteralExpression')
    return refuse(`an expression of the type ${type} is not supported: ${textOfNode(node).slice(0, 120)}`);
  return (row, at) => conform(run(row, at), type, node);
}

module.exports = { Scope, compile, kindOf, isTable, textOfNode, typeName, unsupported, argumentsOf, literal, equal, ordered };
