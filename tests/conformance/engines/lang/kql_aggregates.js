// The aggregates of the KQL interpreter:  AGGREGATES[name](call) -> (rows of a group) => value
//
// call: {name, query, args: [{run, column: whether it is a column's name}] (null for *), type: static type of the result, columns: of the input,
// results: the names of the columns if there are several (arg_max, take_any, percentiles)}. Several columns are returned as an array.
// "The null values are ignored and don't factor into the calculation"; the value of an empty group is in summarize-operator, "Default
// values of aggregations": count, dcount, sum, variance, stdev .. 0, make_list, make_set, make_bag [], avg NaN, all others null.
'use strict';
const { TimeSpan, DateTime, refuse, isNumber, isBag, keyOf, compare } = require('./kql_values.js');

const MAX_ELEMENTS = 1048576;
const undocumented = what => refuse(`${what} is not documented`);
const at = rows => rows.map((row, index) => [row, { rows, index, memory: new Map() }]);
const valuesOf = (arg, rows) => at(rows).map(([row, place]) => arg.run(row, place));
const notNull = values => values.filter(v => v !== null);
const constant = (arg, fallback) => (arg ? arg.run(null, null) : fallback);

// ---- numbers ----
function total(values, type) {
  if (values.some(v => v instanceof TimeSpan)) return new TimeSpan(values.reduce((sum, v) => sum + v.ticks, 0n));
  if (!values.every(isNumber)) return undocumented('the sum of such values');
  if (values.some(v => typeof v === 'number')) return values.reduce((sum, v) => sum + Number(v), 0);
  const sum = values.reduce((a, b) => a + b, 0n);
  return type === 'real' ? Number(sum) : type === 'timespan' ? new TimeSpan(0n) : BigInt.asIntN(64, sum);
}
// Of no value: "The result of avg(x) is NaN due to dividing by 0" (summarize-operator, the example of the default values).
function average(values, type) {
  if (!values.length) return type === 'real' ? NaN : refuse(`the average of no ${type} is not documented`);
  if (values.every(v => v instanceof TimeSpan)) return new TimeSpan(values.reduce((s, v) => s + v.ticks, 0n) / BigInt(values.length));
  if (values.every(v => v instanceof DateTime)) return new DateTime(values.reduce((s, v) => s + v.ticks, 0n) / BigInt(values.length));
  return Number(total(values)) / values.length;
}
function variance(values, population) {
  if (!values.length) return 0;
  const n = values.length - (population ? 0 : 1);
  if (n === 0) return undocumented('the variance of one value');
  const mean = average(values);
  return values.reduce((s, v) => s + (Number(v) - mean) ** 2, 0) / n;
}
function extreme(values, sign) {
  return values.reduce((best, v) => {
    if (best === null) return v;
    const order = compare(v, best);
    if (order === undefined) return undocumented('the order of these values');
    return order * sign > 0 ? v : best;
  }, null);
}
// Nearest rank (percentiles-aggregation-function): the smallest value such that P percent of the values are less or equal.
function percentile(values, percent) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => compare(a, b) ?? undocumented('the order of these values'));
  return sorted[Math.max(0, Math.ceil((Number(percent) * sorted.length) / 100) - 1)];
}

// ---- sets and lists ----
const distinct = values => new Map(values.map(v => [keyOf(v), v]));
function limited(values, limit, what) {
  const max = limit === null ? MAX_ELEMENTS : Math.min(Number(limit), MAX_ELEMENTS);
  return values.length <= max ? values : refuse(`${what} with more than ${max} elements: which ones are kept is not documented`);
}
function makeSet(values, limit) {
  // arrays are taken apart (make-set-aggregation-function, "Set from array column")
  return limited([...distinct(values.flatMap(v => (Array.isArray(v) ? notNull(v) : [v]))).values()], limit, 'make_set');
}
function makeList(values, limit) {
  if (values.some(v => Array.isArray(v))) return undocumented('make_list of arrays');
  return limited(values, limit, 'make_list');
}
function makeBag(values, limit) {
  // a key that occurs twice: "arbitrary value" (make-bag-aggregation-function)
  const bag = new Map();
  for (const value of values)
    if (isBag(value))
      for (const [k, v] of value) {
        if (bag.has(k) && keyOf(bag.get(k)) !== keyOf(v)) return refuse('make_bag with two values for one key is arbitrary');
        bag.set(k, v);
      }
  return bag.size <= (limit === null ? MAX_ELEMENTS : Number(limit)) ? bag : refuse('make_bag with more keys than the limit');
}

// ---- rows: arg_max, arg_min, take_any ----
// The values of the other arguments in one row, * standing for all columns that the result names.
function project(call, others) {
  const { results, columns } = call;
  const names = results ? results.slice(call.args.length - others.length) : [];
  const parts = others.flatMap(arg => {
    if (arg) return [row => arg.run(row, { rows: [row], index: 0, memory: new Map() })];
    return names.slice(others.indexOf(null)).map(name => {
      const index = columns.findIndex(c => c.name === name);
      return index < 0 ? refuse(`${call.name}(*): the column ${name} is not known`) : row => row[index];
    });
  });
  return row => parts.map(part => part(row));
}
function argExtreme(sign) {
  return call => {
    const [by, ...others] = call.args;
    const rest = project(call, others);
    if (!by) return refuse(`${call.name}(*) is not supported`);
    return rows => {
      const values = valuesOf(by, rows);
      // arg-min-aggregation-function, "Null handling": rows with null are ignored unless all are null; then one row is picked.
      const best = extreme(notNull(values), sign);
      const found = rows.filter((_, i) => values[i] !== null && compare(values[i], best) === 0);
      if (!rows.length) return [null, ...rest([]).map(() => null)];
      const candidates = (best === null ? rows : found).map(rest);
      if (new Set(candidates.map(c => c.map(keyOf).join())).size > 1)
        call.query.notes.add(`${call.name}: several rows are extreme; the first one is taken`);
      return others.length ? [best, ...candidates[0]] : best;
    };
  };
}
// "When the function is provided with a single column reference, it will attempt to return a non-null/non-empty value"
function takeAny(call, args = call.args, keep = rows => rows) {
  const rest = project(call, args);
  const single = args.length === 1 && args[0];
  return group => {
    const rows = keep(group);
    let candidates = rows.map(rest);
    if (single && candidates.some(([v]) => v !== null && v !== '')) {
      const preferred = candidates.filter(([v]) => v !== null && v !== '');
      if (!single.column && preferred.length < candidates.length)
        call.query.notes.add(`${call.name}: a value that is not null is preferred`);
      candidates = preferred;
    }
    if (new Set(candidates.map(c => c.map(keyOf).join())).size > 1)
      call.query.notes.add(`${call.name}: there are several values; the first one is taken`);
    if (single) return candidates.length ? candidates[0][0] : null;
    return candidates.length ? candidates[0] : rest([]).map(() => null);
  };
}

// ---- the table ----
// name: (values without nulls, further arguments as constants, call) => value
const SIMPLE = {
  sum: (values, _, call) => total(values, call.type),
  avg: (values, _, call) => average(values, call.type),
  min: values => extreme(values, -1),
  max: values => extreme(values, 1),
  dcount(values, _, call) {
    // an estimate beyond 1000 values (estimation-accuracy)
    const n = distinct(values).size;
    if (n > 1000) call.query.notes.add('dcount is exact here, an estimate in Kusto');
    return BigInt(n);
  },
  count_distinct: values => BigInt(distinct(values).size),
  make_set: (values, [limit = null]) => makeSet(values, limit),
  make_list: (values, [limit = null]) => makeList(values, limit),
  make_bag: (values, [limit = null]) => makeBag(values, limit),
  stdev: values => Math.sqrt(variance(values)),
  variance: values => variance(values),
  stdevp: values => Math.sqrt(variance(values, true)),
  variancep: values => variance(values, true),
  percentile: (values, [percent]) => percentile(values, percent),
};
const simple = f => call => {
  const [first, ...more] = call.args;
  return rows =>
    f(
      notNull(valuesOf(first, rows)),
      more.map(arg => constant(arg)),
      call,
    );
};
// sumif(expr, predicate, ..): only rows for which the predicate is true
const conditional = f => call => {
  const [first, predicate, ...more] = call.args;
  return rows => {
    const chosen = valuesOf(predicate, rows);
    return f(
      notNull(
        valuesOf(
          first,
          rows.filter((_, i) => chosen[i] === true),
        ),
      ),
      more.map(arg => constant(arg)),
      call,
    );
  };
};
const AGGREGATES = {
  count: () => rows => BigInt(rows.length),
  countif:
    ({ args: [predicate] }) =>
    rows =>
      BigInt(valuesOf(predicate, rows).filter(v => v === true).length),
  arg_max: argExtreme(1),
  arg_min: argExtreme(-1),
  take_any: call => takeAny(call),
  any: call => takeAny(call),
  take_anyif(call) {
    const [value, predicate] = call.args;
    return takeAny(call, [value], rows => {
      const chosen = valuesOf(predicate, rows);
      return rows.filter((_, i) => chosen[i] === true);
    });
  },
  percentiles: call => rows => {
    const values = notNull(valuesOf(call.args[0], rows));
    return call.args.slice(1).map(p => percentile(values, constant(p)));
  },
};
for (const [name, f] of Object.entries(SIMPLE)) AGGREGATES[name] = simple(f);
for (const [name, base] of Object.entries({
  sumif: 'sum',
  avgif: 'avg',
  minif: 'min',
  maxif: 'max',
  dcountif: 'dcount',
  count_distinctif: 'count_distinct',
  make_set_if: 'make_set',
  make_list_if: 'make_list',
  make_bag_if: 'make_bag',
  stdevif: 'stdev',
  varianceif: 'variance',
}))
  AGGREGATES[name] = conditional(SIMPLE[base]);

module.exports = { AGGREGATES };
