// [{query, schema}] on stdin -> one JSON line for each: its syntax tree by Microsoft's parser, bound to the schema, and
// what stands between its tokens. usage: kql.js KIT
'use strict';
const fs = require('fs'), path = require('path');
const { K, S, toArray, globalsFor } = require(path.resolve(process.argv[2], 'lang/kql_language_service.js'));
const SK = K.Syntax;
const kindOf = node => System.Enum.toString(SK.SyntaxKind, node.Kind);
const is = (node, type) => Bridge.is(node, type);

// kind of thing that a name stands for; nothing if the names of the query are not bound
function symbolOf(node) {
  const symbol = node.ReferencedSymbol;
  if (!symbol) return '';
  for (const kind of ['ColumnSymbol', 'TableSymbol', 'FunctionSymbol', 'VariableSymbol'])
    if (is(symbol, S[kind])) return kind;
  return Bridge.getTypeName(symbol).split('.').pop();
}

const children = node => Array.from({ length: node.ChildCount }, (_, i) => node.GetChild(i)).filter(child => child);

function tree(node) {
  if (node.IsToken) return ['token', node.Text];
  if (is(node, SK.LiteralExpression)) {
    const value = node.LiteralValue;
    return typeof value === 'string' && /StringLiteral/.test(kindOf(node)) ? ['text', value] : ['literal', String(node).trim()];
  }
  if (is(node, SK.CompoundStringLiteralExpression)) return ['text', node.LiteralValue];
  if (is(node, SK.NameReference)) return ['name', node.SimpleName, symbolOf(node)];
  if (is(node, SK.NameDeclaration)) return ['name', node.SimpleName, 'declared'];
  if (is(node, SK.BinaryExpression)) return ['binary', node.Operator.Text, tree(node.Left), tree(node.Right)];
  if (is(node, SK.InExpression)) return ['binary', node.Operator.Text, tree(node.Left), listOf(node.Right)];
  if (is(node, SK.FunctionCallExpression))
    return ['call', ['name', node.Name.SimpleName, 'function'], ...items(node.ArgumentList.Expressions)];
  if (is(node, SK.PathExpression)) return ['member', tree(node.Expression), memberOf(node.Selector)];
  if (is(node, SK.ElementExpression)) return ['member', tree(node.Expression), memberOf(node.Selector)];
  return [kindOf(node), ...children(node).map(tree)];
}
const items = list => toArray(list).map(element => tree(element.Element$1 || element.Element || element));
const listOf = node => (node.Expressions ? ['list', ...items(node.Expressions)] : tree(node));

// `.a` and `["a"]` are the same
function memberOf(node) {
  if (is(node, SK.NameReference)) return ['name', node.SimpleName, 'member'];
  const inner = node.Expression;
  if (inner && is(inner, SK.LiteralExpression) && typeof inner.LiteralValue === 'string')
    return ['name', inner.LiteralValue, 'member'];
  return tree(node);
}

function answer(request) {
  const code = request.bind ? K.KustoCode.ParseAndAnalyze(request.query, globalsFor(request.schema, []))
    : K.KustoCode.Parse(request.query);
  const errors = toArray(code.GetDiagnostics()).filter(d => d.Severity === 'Error').map(d => `${d.Code} ${d.Message}`);
  if (errors.length) return { error: errors.join('; ') };
  const trivia = [];
  SK.SyntaxElement.WalkElements(code.Syntax, element => { if (element.IsToken) trivia.push(element.Trivia); });
  return { trivia, tree: tree(code.Syntax) };
}

for (const request of JSON.parse(fs.readFileSync(0, 'utf8'))) {
  let found;
  try { found = answer(request); }
  catch (error) { found = { error: `${error.message}` }; }
  process.stdout.write(JSON.stringify(found) + '\n');
}
