// Tabular expressions of the KQL interpreter:  compileTable(node, scope) -> () => {columns: [{name, type}], rows, serialized}
//
// The names, types and the order of the columns of every operator are those of Microsoft's binder; the values are computed here.
// serialized: the order of the rows is defined, so that window functions may be used (window-functions).
'use strict';
const { toArray, elements } = require('./kql_language_service.js');
const { refuse, isBag, typeOf, conform, keyOf, keysOf, compare } = require('./kql_values.js');
const { CASTS, FUNCTIONS } = require('./kql_functions.js');
const { Scope, compile, kindOf, isTable, textOfNode, typeName, unsupported, argumentsOf } = require('./kql_expressions.js');

const columnsOf = node => toArray(node.ResultType.Columns).map(c => ({ name: c.Name, type: c.Type.Name }));
const once = f => {
  let result;
  return () => (result === undefined ? (result = f()) : result);
};
const place = (rows, index, memory) => ({ rows, index, memory });
const isNamed = node => /^(Simple|Compound)NamedExpression$/.test(kindOf(node));
const missing = type => (type === 'string' ? '' : null);

// {parameter name: text}; hints don't change results (they are advice on distribution)
function parameters(op, known) {
  const found = {};
  for (const p of elements(op.Parameters || [])) {
    const name = p.Name.SimpleName;
    if (name.startsWith('hint.')) continue;
    if (!known.includes(name)) refuse(`the parameter ${name} of ${textOfNode(op).split(' ')[0]} is not supported`);
    found[name] = textOfNode(p.Expression);
  }
  return found;
}
function constant(node, scope) {
  const value = compile(node, scope.with({ columns: null }))(null, null);
  return value === null ? refuse(`null for ${textOfNode(node)} is not documented`) : value;
}

// ---- one row in, one row out: project, extend, print ----------------------------------------------------------------------
// The expressions of a list -> functions from a row to a list of values (several for (a, b) = f(..))
function producers(nodes, scope) {
  return nodes.map(node => {
    const inner = isNamed(node) ? node.Expression : node;
    const run = compile(inner, scope);
    const width = typeName(inner) === 'tuple' ? elements(inner.ResultType.Columns).length : 1;
    return {
      width,
      names: namesOf(node),
      run: typeName(inner) === 'tuple' ? (row, at) => run(row, at) || Array(width).fill(null) : (row, at) => [run(row, at)],
    };
  });
}
function namesOf(node) {
  if (kindOf(node) === 'SimpleNamedExpression') return [node.Name.SimpleName];
  if (kindOf(node) === 'CompoundNamedExpression') return elements(node.Names.Names).map(n => n.SimpleName);
  return kindOf(node) === 'NameReference' ? [node.SimpleName] : null;
}
function project(op, scope) {
  const parts = producers(elements(op.Expressions), scope);
  const columns = columnsOf(op);
  if (parts.reduce((n, p) => n + p.width, 0) !== columns.length)
    return refuse(`the columns of '${textOfNode(op).slice(0, 80)}' are not understood: name them`);
  return table => {
    const memory = new Map();
    const rows = table.rows.map((row, i) => parts.flatMap(p => p.run(row, place(table.rows, i, memory))));
    return { columns, rows, serialized: table.serialized };
  };
}
// extend: a column of the same name is replaced; columns without a name of their own are called as the binder calls them, in order.
function extend(op, scope) {
  const parts = producers(elements(op.Expressions), scope);
  const columns = columnsOf(op);
  const input = scope.columns.map(c => c.name);
  const given = new Set(parts.flatMap(p => p.names || []));
  const automatic = columns.map(c => c.name).filter(name => !input.includes(name) && !given.has(name));
  for (const p of parts) p.names = p.names || automatic.splice(0, p.width);
  if (automatic.length || parts.some(p => p.names.length !== p.width))
    return refuse(`the columns of '${textOfNode(op).slice(0, 80)}' are not understood: name them`);
  const targets = parts.flatMap(p => p.names);
  const from = columns.map(c => targets.lastIndexOf(c.name));
  const kept = columns.map(c => input.indexOf(c.name));
  return table => {
    const memory = new Map();
    const rows = table.rows.map((row, i) => {
      const values = parts.flatMap(p => p.run(row, place(table.rows, i, memory)));
      return columns.map((_, c) => (from[c] >= 0 ? values[from[c]] : row[kept[c]]));
    });
    return { columns, rows, serialized: table.serialized };
  };
}
// project-away, project-keep, project-reorder: the binder says which columns stay; project-rename says where they come from.
function choose(op, scope) {
  const columns = columnsOf(op);
  const source = new Map();
  if (kindOf(op) === 'ProjectRenameOperator')
    for (const e of elements(op.Expressions)) {
      if (kindOf(e) !== 'SimpleNamedExpression' || kindOf(e.Expression) !== 'NameReference') return unsupported(e);
      source.set(e.Name.SimpleName, e.Expression.SimpleName);
    }
  const from = columns.map(c => scope.columns.findIndex(i => i.name === (source.get(c.name) || c.name)));
  if (from.includes(-1)) return unsupported(op);
  return table => ({ columns, rows: table.rows.map(row => from.map(i => row[i])), serialized: table.serialized });
}

// ---- filter, sort, take ----------------------------------------------------------------------------------------------------
function where(op, scope) {
  // rows for which the predicate is null are dropped (where-operator)
  const condition = compile(op.Condition, scope);
  return table => {
    const memory = new Map();
    return { ...table, rows: table.rows.filter((row, i) => condition(row, place(table.rows, i, memory)) === true) };
  };
}
// sort-operator: the default is desc; nulls come first for asc and last for desc; NaN stands next to null.
function sorter(nodes, scope) {
  const keys = nodes.map(node => {
    const orderedNode = kindOf(node) === 'OrderedExpression';
    const clause = orderedNode ? node.Ordering : null;
    const word = clause && clause.AscOrDescKeyword ? clause.AscOrDescKeyword.Text : 'desc';
    const nulls = clause && clause.NullsClause;
    if (!/^(asc|desc)?$/.test(word)) return unsupported(node);
    const ascending = word === 'asc';
    const first = nulls ? nulls.FirstOrLastKeyword.Text === 'first' : ascending;
    return { run: compile(orderedNode ? node.Expression : node, scope), ascending, first };
  });
  const rankOf = value => (value === null ? 2 : typeof value === 'number' && Number.isNaN(value) ? 1 : 0);
  return rows => {
    const decorated = rows.map((row, i) => ({ row, values: keys.map(k => k.run(row, place(rows, i, new Map()))) }));
    decorated.sort((a, b) => {
      for (let i = 0; i < keys.length; i++) {
        const x = a.values[i];
        const y = b.values[i];
        const byRank = rankOf(x) - rankOf(y);
        if (byRank) return keys[i].first ? -byRank : byRank;
        const order = rankOf(x) ? 0 : (compare(x, y) ?? refuse('the order of such values is not documented'));
        if (order) return keys[i].ascending ? order : -order;
      }
      return 0;
    });
    return decorated.map(d => d.row);
  };
}
function sort(op, scope) {
  parameters(op, []);
  const sorted = sorter(elements(op.Expressions), scope);
  return table => ({ ...table, rows: sorted(table.rows), serialized: true });
}
function top(op, scope) {
  parameters(op, []);
  const count = Number(constant(op.Expression, scope));
  const sorted = sorter([op.ByExpression], scope);
  return table => ({ ...table, rows: sorted(table.rows).slice(0, count), serialized: true });
}
function take(op, scope) {
  // "There's no guarantee which records are returned, unless the source data is sorted"
  parameters(op, []);
  const count = Number(constant(op.Expression, scope));
  return table => {
    if (!table.serialized && table.rows.length > count) scope.query.notes.add('take of unsorted rows: the first ones are returned');
    return { ...table, rows: table.rows.slice(0, count) };
  };
}

// ---- summarize, distinct, count ---------------------------------------------------------------------------------------------
function groupsOf(rows, keys) {
  const groups = new Map();
  const memory = new Map();
  rows.forEach((row, i) => {
    const values = keys.flatMap(k => k.run(row, place(rows, i, memory)));
    const key = keysOf(values);
    if (!groups.has(key)) groups.set(key, { values, rows: [] });
    groups.get(key).rows.push(row);
  });
  return [...groups.values()];
}
// Without by there is one row, also for an empty input; with by an empty input gives none (summarize-operator).
function summarize(op, scope) {
  parameters(op, []);
  if (op.ByClause && op.ByClause.BinClause) return unsupported(op.ByClause);
  const plain = scope.with({ serialized: false });
  const keys = op.ByClause ? producers(elements(op.ByClause.Expressions), plain) : [];
  const parts = producers(elements(op.Aggregates), plain.with({ aggregate: true }));
  const columns = columnsOf(op);
  const width = [...keys, ...parts].reduce((n, p) => n + p.width, 0);
  if (width !== columns.length) return refuse(`the columns of '${textOfNode(op).slice(0, 80)}' are not understood: name them`);
  return table => {
    const groups = op.ByClause ? groupsOf(table.rows, keys) : [{ values: [], rows: table.rows }];
    const rows = groups.map(g => [...g.values, ...parts.flatMap(p => p.run(null, { group: g.rows }))]);
    return { columns, rows: rows.map(row => row.map((v, i) => conform(v, columns[i].type, columns[i].name))), serialized: false };
  };
}
function distinct(op, scope) {
  parameters(op, []);
  const nodes = elements(op.Expressions);
  const all = nodes.length === 1 && kindOf(nodes[0]) === 'StarExpression';
  const columns = columnsOf(op);
  const keys = all ? [{ width: columns.length, run: row => row }] : producers(nodes, scope);
  return table => ({ columns, rows: groupsOf(table.rows, keys).map(g => g.values), serialized: false });
}
const count = op => table => ({ columns: columnsOf(op), rows: [[BigInt(table.rows.length)]], serialized: false });

// ---- mv-expand, mv-apply ------------------------------------------------------------------------------------------------------
// "The operation of applying type is cast-only and doesn't include parsing or type-conversion": other elements become null; a real number
// is truncated to an integer (measured).
function cast(value, type) {
  if (type === null || type === 'dynamic') return value;
  if (value === null) return missing(type);
  const actual = typeOf(value);
  if (actual === 'long' && type === 'int') return BigInt.asIntN(32, value) === value ? value : null;
  if (actual === 'long' && type === 'real') return Number(value);
  if (actual === 'real' && /^(int|long)$/.test(type)) return BigInt(Math.trunc(value));
  if (type === 'string' && actual !== 'string') return refuse(`mv-expand of a ${actual} to a string is not documented`);
  return actual === type ? value : missing(type);
}
// The elements of a value: "if the dynamic value is null, then a single record is produced", an empty array or bag gives none; another
// value is one element (measured).
function elementsOfValue(value, pairs) {
  if (value === null) return [null];
  if (Array.isArray(value)) return value;
  if (!isBag(value)) return [value];
  return [...value].map(([k, v]) => (pairs ? [k, v] : new Map([[k, v]])));
}
// -> {columns: of the expanded rows, names: of the expanded columns, expand(row, at) -> rows}
function expansion(op, scope, modes) {
  const given = parameters(op, [...modes, 'with_itemindex']);
  const limitNode = op.RowLimitClause && op.RowLimitClause.RowLimit;
  const mode = given.kind || given.bagexpansion || 'bag';
  const limit = limitNode ? Number(constant(limitNode, scope)) : Infinity;
  if (!/^(bag|array)$/.test(mode)) return refuse(`mv-expand kind=${mode} is not supported`);
  const parts = elements(op.Expressions).map(node => {
    const inner = node.Expression;
    const named = kindOf(inner) === 'SimpleNamedExpression';
    const name = named
      ? inner.Name.SimpleName
      : kindOf(inner) === 'NameReference'
        ? inner.SimpleName
        : refuse('an expanded expression needs a name');
    const type = node.ToTypeOf ? textOfNode(elements(node.ToTypeOf.TypeOf.Types)[0]) : null;
    return {
      name,
      type: { double: 'real', boolean: 'bool', date: 'datetime', time: 'timespan' }[type] || type,
      run: compile(inner, scope),
    };
  });
  const names = [...parts.map(p => p.name), ...(given.with_itemindex ? [given.with_itemindex] : [])];
  const columns = [
    ...scope.columns.filter(c => !names.includes(c.name)),
    ...parts.map(p => ({ name: p.name, type: p.type || 'dynamic' })),
    ...(given.with_itemindex ? [{ name: given.with_itemindex, type: 'long' }] : []),
  ];
  const kept = scope.columns.flatMap((c, i) => (names.includes(c.name) ? [] : [i]));
  const expand = (row, at) => {
    const lists = parts.map(p => elementsOfValue(p.run(row, at), mode === 'array'));
    const length = Math.min(limit, Math.max(...lists.map(l => l.length)));
    return Array.from({ length }, (_, i) => [
      ...kept.map(k => row[k]),
      ...parts.map((p, n) => cast(i < lists[n].length ? lists[n][i] : null, p.type)),
      ...(given.with_itemindex ? [BigInt(i)] : []),
    ]);
  };
  return { columns, names, expand };
}
// Rows of other columns as rows of the columns that the binder gives.
function rearranged(columns, from) {
  const at = columns.map(c => from.findIndex(f => f.name === c.name && f.type === c.type));
  if (at.includes(-1)) refuse(`internal: the column ${columns[at.indexOf(-1)].name} is not known`);
  return row => at.map(i => row[i]);
}
function mvExpand(op, scope) {
  const { columns: from, expand } = expansion(op, scope, ['kind', 'bagexpansion']);
  const columns = columnsOf(op);
  const arrange = rearranged(columns, from);
  return table => ({
    columns,
    rows: table.rows.flatMap((row, i) => expand(row, place(table.rows, i, new Map()))).map(arrange),
    serialized: table.serialized,
  });
}
// mv-apply-operator: expands every row into a subtable, applies the subquery, adds the columns of the row that are not expanded.
function mvApply(op, scope) {
  if (op.ContextIdClause) return unsupported(op.ContextIdClause);
  const { columns: from, names, expand } = expansion(op, scope, []);
  const subquery = compileChain(op.Subquery.Expression, scope.with({ columns: from, serialized: true }));
  const columns = columnsOf(op);
  const inSource = columns.map(c => (names.includes(c.name) ? -1 : scope.columns.findIndex(s => s.name === c.name)));
  const applied = (row, at) => {
    const subtable = expand(row, at);
    const result = subquery({ columns: from, rows: subtable, serialized: true });
    // Whether the subquery runs on a subtable without rows is not documented; it matters if it makes rows of nothing.
    if (!subtable.length && result.rows.length) return refuse('mv-apply with an aggregation over an empty array is not documented');
    const inResult = columns.map(c => result.columns.findIndex(r => r.name === c.name && r.type === c.type));
    return result.rows.map(found =>
      columns.map((c, i) => {
        if (inSource[i] < 0)
          return inResult[i] < 0 ? refuse(`mv-apply: the column ${c.name} is neither of the row nor of the subquery`) : found[inResult[i]];
        const value = row[inSource[i]];
        return inResult[i] < 0 || keyOf(found[inResult[i]]) === keyOf(value)
          ? value
          : refuse(`mv-apply: a subquery that changes the column ${c.name} is not documented`);
      }),
    );
  };
  return table => ({ columns, serialized: false, rows: table.rows.flatMap((row, i) => applied(row, place(table.rows, i, new Map()))) });
}

// ---- join, lookup, union ------------------------------------------------------------------------------------------------------
const KINDS = { anti: 'leftanti', leftantisemi: 'leftanti', rightantisemi: 'rightanti' };
// The conditions `name` and `$left.a == $right.b` -> [[column of the left, column of the right]]
function joinKeys(clause, left, right) {
  if (!clause || kindOf(clause) !== 'JoinOnClause') return refuse('a join needs on');
  const index = (columns, name) => {
    const i = columns.findIndex(c => c.name === name);
    return i >= 0 ? i : refuse(`join: the column ${name} is not known`);
  };
  const pairs = node => {
    const kind = kindOf(node);
    if (kind === 'ParenthesizedExpression') return pairs(node.Expression);
    if (kind === 'AndExpression') return [...pairs(node.Left), ...pairs(node.Right)];
    if (kind === 'NameReference') return [[index(left, node.SimpleName), index(right, node.SimpleName)]];
    if (kind !== 'EqualExpression' || kindOf(node.Left) !== 'PathExpression' || kindOf(node.Right) !== 'PathExpression')
      return unsupported(node);
    const sides = new Map([node.Left, node.Right].map(p => [textOfNode(p.Expression), p.Selector.SimpleName]));
    return sides.has('$left') && sides.has('$right')
      ? [[index(left, sides.get('$left')), index(right, sides.get('$right'))]]
      : unsupported(node);
  };
  return elements(clause.Expressions).flatMap(pairs);
}
function join(op, scope) {
  const lookup = kindOf(op) === 'LookupOperator';
  const given = parameters(op, ['kind']).kind || (lookup ? 'leftouter' : 'innerunique');
  const kind = KINDS[given] || given;
  if (!/^(inner|innerunique|(left|right|full)outer|(left|right)(semi|anti))$/.test(kind))
    return refuse(`join kind=${kind} is not supported`);
  const rightColumns = columnsOf(op.Expression);
  const rightTable = compileTable(op.Expression, scope.with({ columns: null }));
  const pairs = joinKeys(lookup ? op.LookupClause : op.ConditionClause, scope.columns, rightColumns);
  const columns = columnsOf(op);
  const shown = rightColumns.flatMap((_, i) => (lookup && pairs.some(p => p[1] === i) ? [] : [i])); // lookup doesn't repeat the keys
  const width = /semi|anti/.test(kind)
    ? (kind.startsWith('left') ? scope.columns : rightColumns).length
    : scope.columns.length + shown.length;
  if (columns.length !== width) return refuse('internal: the columns of join are not understood');
  return table => {
    const right = rightTable();
    const keyed = (rows, side) => rows.map(row => [keysOf(pairs.map(p => sameType(row[p[side]]))), row]); // null matches null: measured
    let left = keyed(table.rows, 0);
    const others = keyed(right.rows, 1);
    if (kind === 'innerunique') {
      // "The deduplication keeps only the first record" (join-innerunique)
      const seen = new Set();
      const unique = left.filter(([k]) => !seen.has(k) && seen.add(k));
      if (unique.length < left.length) scope.query.notes.add('join kind=innerunique: the first row of each key is kept');
      left = unique;
    }
    const matches = new Map();
    const used = new Set();
    for (const [k, row] of others)
      if (matches.has(k)) matches.get(k).push(row);
      else matches.set(k, [row]);
    const inLeft = new Set(left.map(([k]) => k));
    const nothing = list => list.map(c => missing(c.type));
    const pair = (l, r) => [...l, ...shown.map(i => r[i])];
    const rows = [];
    if (kind === 'rightsemi' || kind === 'rightanti')
      rows.push(...others.filter(([k]) => inLeft.has(k) === (kind === 'rightsemi')).map(([, row]) => row));
    else
      for (const [k, row] of left) {
        const found = matches.get(k) || [];
        if (kind === 'leftsemi' || kind === 'leftanti') {
          if (found.length > 0 === (kind === 'leftsemi')) rows.push(row);
          continue;
        }
        for (const r of found) {
          used.add(r);
          rows.push(pair(row, r));
        }
        if (!found.length && /^(left|full)outer$/.test(kind)) rows.push(pair(row, nothing(rightColumns)));
      }
    if (/^(right|full)outer$/.test(kind)) for (const [, r] of others) if (!used.has(r)) rows.push(pair(nothing(scope.columns), r));
    return { columns, rows, serialized: false };
  };
}
const sameType = value => (typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value); // long and real keys

// union-operator: all rows of all tables; columns that a table lacks are null.
function union(op, scope, source) {
  const given = parameters(op, ['kind', 'isfuzzy']);
  if (!/^(outer|inner)?$/.test(given.kind || '')) return unsupported(op);
  const columns = columnsOf(op);
  const nodes = elements(op.Expressions);
  const tables = nodes.map(n => compileTable(n, scope.with({ columns: null })));
  return table => {
    const all = [...(source ? [table] : []), ...tables.map(t => t())];
    const rows = all.flatMap(t => {
      const at = columns.map(c => t.columns.findIndex(o => o.type === c.type && (o.name === c.name || `${o.name}_${o.type}` === c.name)));
      if (given.kind !== 'inner' && new Set(at.filter(i => i >= 0)).size !== t.columns.length)
        return refuse('union: the columns are not understood');
      return t.rows.map(row => at.map((i, c) => (i < 0 ? missing(columns[c].type) : row[i])));
    });
    return { columns, rows, serialized: false };
  };
}

// ---- others ---------------------------------------------------------------------------------------------------------------------
function serialize(op, scope) {
  const apply = elements(op.Expressions || []).length ? extend(op, scope.with({ serialized: true })) : table => table;
  return table => ({ ...apply({ ...table, serialized: true }), serialized: true });
}
// partition-operator: the subquery runs on the rows of each key; the result is their union.
function partition(op, scope) {
  parameters(op, []);
  if (kindOf(op.Operand) !== 'PartitionSubquery') return unsupported(op.Operand);
  const key = [{ width: 1, run: (f => (row, at) => [f(row, at)])(compile(op.ByExpression, scope)) }];
  const subquery = compileChain(op.Operand.Subquery, scope.with({ serialized: false }));
  const columns = columnsOf(op);
  return table => ({
    columns,
    serialized: false,
    rows: groupsOf(table.rows, key).flatMap(g => subquery({ ...table, rows: g.rows, serialized: false }).rows),
  });
}
function range(op, scope) {
  const [from, to, step] = [op.From, op.To, op.Step].map(n => constant(n, scope));
  const columns = columnsOf(op);
  return () => ({
    columns,
    rows: FUNCTIONS.range([from, to, step]).map(v => [conform(v, columns[0].type, columns[0].name)]),
    serialized: true,
  });
}
function print(op, scope) {
  const parts = producers(elements(op.Expressions), scope.with({ columns: null }));
  const columns = columnsOf(op);
  if (parts.reduce((n, p) => n + p.width, 0) !== columns.length) return unsupported(op);
  return () => ({ columns, rows: [parts.flatMap(p => p.run(null, place([], 0, new Map())))], serialized: false });
}
function datatable(node, scope) {
  const columns = columnsOf(node);
  const values = elements(node.Values).map(v => compile(v, scope.with({ columns: null })));
  if (values.length % columns.length) return refuse('datatable: the number of values does not fit');
  return () => {
    const cells = values.map((v, i) => {
      const { type, name } = columns[i % columns.length];
      return conform(literalAs(v(null, null), type), type, name);
    });
    return {
      columns,
      rows: Array.from({ length: values.length / columns.length }, (_, r) => cells.slice(r * columns.length, (r + 1) * columns.length)),
      serialized: false,
    };
  };
}
// datatable(d:dynamic)['{"a":1}'] and datatable(t:datetime)['2024-01-01'] read the text (datatable-operator's examples)
function literalAs(value, type) {
  return typeof value === 'string' && type !== 'string' && type !== 'dynamic' ? CASTS[type]([value], { types: ['string'] }) : value;
}

const OPERATORS = {
  FilterOperator: where,
  ProjectOperator: project,
  ExtendOperator: extend,
  ProjectAwayOperator: choose,
  ProjectKeepOperator: choose,
  ProjectReorderOperator: choose,
  ProjectRenameOperator: choose,
  SummarizeOperator: summarize,
  SortOperator: sort,
  TopOperator: top,
  TakeOperator: take,
  DistinctOperator: distinct,
  CountOperator: count,
  MvExpandOperator: mvExpand,
  MvApplyOperator: mvApply,
  JoinOperator: join,
  LookupOperator: join,
  UnionOperator: (op, scope) => union(op, scope, true),
  SerializeOperator: serialize,
  PartitionOperator: partition,
  AsOperator: () => table => table,
  RenderOperator: () => table => table,
};

// A chain of operators without its source (the subquery of mv-apply and partition) -> table => table
function compileChain(node, scope) {
  if (kindOf(node) === 'PipeExpression') {
    const first = compileChain(node.Expression, scope);
    const second = operator(node.Operator, scope, node.Expression);
    return table => second(first(table));
  }
  return operator(node, scope, null);
}
// Window functions are allowed if the input is serialized; that is known when the input is there, so the operator is compiled then.
function operator(op, scope, input) {
  const make = OPERATORS[kindOf(op)] || refuse(`the operator ${kindOf(op).replace('Operator', '')} is not supported`);
  const columns = input ? columnsOf(input) : scope.columns;
  const compiled = new Map();
  const prepare = serialized => {
    if (!compiled.has(serialized)) compiled.set(serialized, make(op, scope.with({ columns, serialized })));
    return compiled.get(serialized);
  };
  return table => {
    const names = list => list.map(c => `${c.name}:${c.type}`).join();
    if (names(table.columns) !== names(columns))
      throw new Error(`the columns of the input of ${kindOf(op)} are ${names(table.columns)}, expected ${names(columns)}`);
    return prepare(table.serialized)(table);
  };
}

const TABLES = {
  PipeExpression(node, scope) {
    const source = compileTable(node.Expression, scope);
    const apply = operator(node.Operator, scope, node.Expression);
    return () => apply(source());
  },
  ParenthesizedExpression: (node, scope) => compileTable(node.Expression, scope),
  MaterializeExpression: (node, scope) => once(compileTable(node.Expression, scope)),
  NameReference(node, scope) {
    const name = node.SimpleName;
    const variable = scope.find(name);
    if (variable && variable.table) return variable.table;
    if (variable && variable.node && !argumentCount(variable)) return callUserFunction(node, scope, variable).table;
    const table = scope.query.tables.get(name);
    return table && !variable ? () => table : unsupported(node);
  },
  FunctionCallExpression(node, scope) {
    const declared = scope.find(node.Name.SimpleName);
    return declared
      ? callUserFunction(node, scope, declared).table || unsupported(node)
      : refuse(`the function ${node.Name.SimpleName}() is not supported`);
  },
  DataTableExpression: datatable,
  RangeOperator: range,
  PrintOperator: print,
  UnionOperator: (node, scope) => union(node, scope, false),
};
const argumentCount = variable => elements(variable.node.Parameters.Parameters).length;
function compileTable(node, scope) {
  const make = TABLES[kindOf(node)];
  return make ? make(node, scope) : unsupported(node);
}

// ---- statements and functions of the query -----------------------------------------------------------------------------------
function declare(statement, scope) {
  // let name = ..
  const { Name, Expression } = statement;
  if (kindOf(statement) !== 'LetStatement') return kindOf(statement) === 'SetOptionStatement' ? undefined : unsupported(statement);
  if (kindOf(Expression) === 'FunctionDeclaration') return scope.declare(Name.SimpleName, { node: Expression, scope });
  if (isTable(Expression)) return scope.declare(Name.SimpleName, { table: once(compileTable(Expression, scope)) });
  const run = compile(Expression, scope.with({ columns: null }));
  return scope.declare(Name.SimpleName, { value: once(() => run(null, null)) });
}
// {run} for a scalar result, {table} for a table. A scalar argument may depend on the row only if the result is scalar.
function callUserFunction(node, scope, declared) {
  if (!declared.node) return refuse(`${textOfNode(node)} is no function`);
  const body = node.GetCalledFunctionBody ? node.GetCalledFunctionBody() : node.Parent && declared.node.Body;
  if (!body || !body.Expression) return unsupported(node);
  const inner = new Scope(scope.query, declared.scope, { columns: scope.columns, serialized: false, aggregate: false, lazy: true });
  const args = kindOf(node) === 'FunctionCallExpression' ? argumentsOf(node) : [];
  elements(declared.node.Parameters.Parameters).forEach((parameter, i) => {
    const name = parameter.NameAndType.Name.SimpleName;
    const arg = args[i] || (parameter.DefaultValue && parameter.DefaultValue.Value);
    if (!arg || isNamed(arg)) return unsupported(node);
    if (isTable(arg)) return inner.declare(name, { table: compileTable(arg, scope.with({ columns: null })) });
    let value = null;
    try {
      const run = compile(arg, scope.with({ columns: null }));
      value = once(() => run(null, null));
    } catch (error) {
      if (isTable(body.Expression)) throw error;
    }
    return inner.declare(name, value ? { value } : { run: compile(arg, scope), columns: scope.columns });
  });
  for (const statement of elements(body.Statements)) declare(statement, inner);
  return isTable(body.Expression)
    ? { table: compileTable(body.Expression, inner.with({ columns: null })) }
    : { run: compile(body.Expression, inner) };
}

module.exports = { compileTable, callUserFunction, declare };
