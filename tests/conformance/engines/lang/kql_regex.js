// Regular expressions of KQL as JavaScript's:  regexOf(pattern) -> {regex, groups, repeatedGroup}; throws Refused.
//
// KQL documents the syntax of Rust's regex crate (query/regex): no look-around, no back-references, classes are Unicode, class set
// operations, inline flags. The pattern is parsed completely and written again for JavaScript; what is not understood is refused.
// A class becomes tests of one character: [ab] stays, A&&B is (?=A)B, A--B is (?!B)A, a negation is (?!A)[^].
// A flag i that holds for all of a pattern becomes JavaScript's; one that holds for a part is written out letter by letter.
// Limits: a group inside of a repetition keeps its last participating match in Rust and may lose it in JavaScript: repeatedGroup tells
// (extract() refuses such a pattern). JavaScript searches with backtracking: a hostile pattern is stopped by the timeout of the case.
'use strict';
const { refuse } = require('./kql_values.js');

const PERL = { d: '\\p{Nd}', s: '\\p{White_Space}', w: '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}' };
const ASCII_CLASSES = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};
const CONTROL = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
const WORD = `[${PERL.w}]`;
const ANY = '[^]';
// Not by lookaround: V8 takes the middle of a character beyond U+FFFF for a start, `/(?<![^])(?![^])/u.test('😀')` is true.
const START = '(?:^)';
const END = '(?:$)';
const LINE_START = '(?:^|(?<=\\n))';
const LINE_END = '(?:$|(?=\\n))';

const codePoint = code => `\\u{${code.toString(16)}}`;
const negation = test => `(?!${test})${ANY}`;
const hasCase = c => c.toLowerCase() !== c || c.toUpperCase() !== c;

// Letter -> all letters that are the same but for their case ("(?i) letters match both upper and lower case"; simple case folding)
let caseGroups = null;
function caseGroup(c) {
  if (!caseGroups) {
    const byFold = new Map();
    for (let code = 0; code < 0x1ea00; code++) {
      const letter = String.fromCodePoint(code);
      if ((code >= 0xd800 && code < 0xe000) || !hasCase(letter)) continue;
      const fold = letter.toUpperCase().toLowerCase();
      byFold.set(fold, [...(byFold.get(fold) || []), letter]);
    }
    const same = (a, b) => new RegExp(`^${codePoint(a.codePointAt(0))}$`, 'iu').test(b);
    caseGroups = new Map([...byFold.values()].flatMap(group => group.map(letter => [letter, group.filter(other => same(letter, other))])));
  }
  return caseGroups.get(c) || [c];
}
const setOf = letters => `[${letters.map(letter => codePoint(letter.codePointAt(0))).join('')}]`;
// A test of one character, and of every character that differs from a matching one in case only
function closedOverCase(test) {
  const regex = new RegExp(`^${test}$`, 'u');
  caseGroup('a');
  const added = [...caseGroups]
    .filter(([letter, group]) => !regex.test(letter) && group.some(other => regex.test(other)))
    .map(([letter]) => letter);
  return added.length ? `(?:${test}|${setOf(added)})` : test;
}

// letterByLetter: write the flag i out instead of using JavaScript's
function translate(pattern, letterByLetter = false) {
  const text = Array.from(pattern);
  let at = 0;
  let groups = 0;
  let repeatedGroup = false;
  const caseFlags = new Set(); // the values of the flag i where it counts
  const bad = what => refuse(`regular expression '${pattern}': ${what}`);
  const peek = (ahead = 0) => text[at + ahead];
  const lookingAt = word => text.slice(at, at + word.length).join('') === word;

  // ---- one character ----
  function hex(width) {
    // \x7F, \x{10FFFF}, \u007F, \u{7F}, \U0000007F
    let digits = '';
    const braces = peek() === '{';
    if (braces) {
      for (at++; peek() !== '}'; at++) digits += peek() === undefined ? bad('} is missing') : peek();
      at++;
    } else {
      digits = text.slice(at, at + width).join('');
      at += width;
    }
    if (!/^[0-9a-fA-F]+$/.test(digits) || (!braces && digits.length < width)) bad('bad hexadecimal number');
    const code = parseInt(digits, 16);
    return code <= 0x10ffff ? code : bad('there is no such character');
  }
  function property(flags) {
    // \pL, \p{Greek}, \p{Letter}
    let name = text[at++];
    if (name === '{') {
      name = '';
      while (peek() !== '}') name += peek() === undefined ? bad('} is missing') : text[at++];
      at++;
    }
    for (const candidate of [name, `Script=${name}`, `General_Category=${name}`]) {
      try {
        new RegExp(`\\p{${candidate}}`, 'u');
      } catch (error) {
        continue;
      }
      caseFlags.add(flags.i);
      return letterByLetter && flags.i ? closedOverCase(`[\\p{${candidate}}]`) : `[\\p{${candidate}}]`;
    }
    return bad(`unknown class ${name}`);
  }
  // After a backslash: {code} of a character, {test} of one character, or {assertion}
  function escape(inClass, flags) {
    const c = text[at++];
    if (c === undefined) return bad('it ends in a backslash');
    if (c in CONTROL) return { code: CONTROL[c] };
    if (c === 'x') return { code: hex(2) };
    if (c === 'u') return { code: hex(4) };
    if (c === 'U') return { code: hex(8) };
    if (/[dsw]/.test(c)) return { test: `[${PERL[c]}]` };
    if (/[DSW]/.test(c)) return { test: negation(`[${PERL[c.toLowerCase()]}]`) };
    if (c === 'p') return { test: property(flags) };
    if (c === 'P') return { test: negation(property(flags)) };
    if (/[0-9]/.test(c)) return bad('there are no back-references, and octal numbers are not supported');
    if (!inClass) {
      if (c === 'A') return { assertion: START };
      if (c === 'z') return { assertion: END };
      if ((c === 'b' && peek() === '{') || c === '<' || c === '>') return bad('one-sided word boundaries are not supported');
      if (c === 'b') return { assertion: `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))` };
      if (c === 'B') return { assertion: `(?:(?<=${WORD})(?=${WORD})|(?<!${WORD})(?!${WORD}))` };
    }
    return /^[\x00-\x7f]$/.test(c) && !/[0-9A-Za-z<>]/.test(c) ? { code: c.charCodeAt(0) } : bad(`\\${c} is no escape`);
  }

  // ---- [..] after the bracket: ranges, nested classes, [:alpha:], && and -- (regex, "Character classes") -> a test of one character
  function charClass(flags) {
    const negated = peek() === '^';
    if (negated) at++;
    const written = letterByLetter && flags.i;
    let result = null;
    let operator = null;
    let tests = [];
    let set = '';
    let empty = true;
    const add = test => {
      tests.push(test);
      empty = false;
    };
    const close = () => {
      const operand = `(?:${[...(set ? [`[${set}]`] : []), ...tests].join('|') || '(?!)'})`;
      result = operator === null ? operand : operator === '&&' ? `(?:(?=${result})${operand})` : `(?:(?!${operand})${result})`;
      tests = [];
      set = '';
      empty = false;
    };
    for (;;) {
      const c = peek();
      if (c === undefined) return bad('] is missing');
      if (c === ']' && !(empty && result === null)) {
        at++;
        break;
      }
      if (lookingAt('~~')) return bad('~~ is not supported');
      if (lookingAt('&&') || (lookingAt('--') && !empty)) {
        const next = lookingAt('&&') ? '&&' : '--';
        if (written) return bad('&& and -- where the flag i holds for a part');
        close();
        operator = next;
        at += 2;
      } else if (c === '[' && peek(1) === ':') {
        const end = text.indexOf(']', at);
        const name = text.slice(at + 2, end - 1).join('');
        const members = ASCII_CLASSES[name.replace('^', '')];
        if (!members || text[end - 1] !== ':') return bad(`unknown class [:${name}:]`);
        add(name[0] === '^' ? negation(`[${members}]`) : `[${members}]`);
        at = end + 1;
      } else if (c === '[') {
        at++;
        add(charClass(flags));
      } else if (flags.x && /\s/.test(c)) at++;
      else {
        const first = classCharacter(flags);
        if (first.test !== undefined) add(first.test);
        else if (peek() === '-' && peek(1) !== ']' && peek(1) !== '-' && peek(1) !== undefined) {
          at++;
          const last = classCharacter(flags);
          if (last.test !== undefined || last.code < first.code) return bad('bad range in a class');
          set += `${codePoint(first.code)}-${codePoint(last.code)}`;
        } else set += codePoint(first.code);
        empty = false;
      }
    }
    close();
    if (written) result = closedOverCase(result);
    return negated ? `(?:${negation(result)})` : result;
  }
  function classCharacter(flags) {
    const c = text[at++];
    return c === '\\' ? escape(true, flags) : { code: c.codePointAt(0) };
  }

  // ---- groups, flags and repetitions ----
  function flagsOf(flags) {
    // after "(?": the new flags, and whether ':' or ')' ends them
    const next = { ...flags };
    for (let on = true; ;) {
      const c = text[at++];
      if (c === '-') on = false;
      else if (c === ':' || c === ')') return { next, scoped: c === ':' };
      else if (c !== undefined && 'imsxU'.includes(c)) next[c] = on;
      else if (c !== 'u' || !on) return bad(`flag ${c} is not supported, and there is no look-around`);
    }
  }
  const closing = () => (text[at++] === ')' ? ')' : bad(') is missing'));
  function group(flags) {
    // null: flags only, which hold until the end of the enclosing group
    if (peek() !== '?') {
      groups++;
      return `(${alternation({ ...flags })}${closing()}`;
    }
    at++;
    if (lookingAt('P<') || (peek() === '<' && peek(1) !== '=' && peek(1) !== '!')) {
      while (text[at++] !== '>') if (at > text.length) return bad('> is missing');
      groups++; // KQL uses groups by number only
      return `(${alternation({ ...flags })}${closing()}`;
    }
    const { next, scoped } = flagsOf(flags);
    if (scoped) return `(?:${alternation(next)}${closing()}`;
    Object.assign(flags, next);
    return null;
  }
  function repetition(flags) {
    let quantifier = '';
    if (peek() !== undefined && '*+?'.includes(peek())) quantifier = text[at++];
    else if (peek() === '{') {
      const end = text.indexOf('}', at);
      quantifier = text.slice(at, end + 1).join('');
      if (!/^\{\d+(,\d*)?\}$/.test(quantifier)) return bad('bad repetition: write \\{ for the character');
      at = end + 1;
    } else return '';
    let lazy = flags.U;
    if (peek() === '?') {
      at++;
      lazy = !lazy;
    }
    return quantifier + (lazy ? '?' : '');
  }
  function literal(code, flags) {
    const letter = String.fromCodePoint(code);
    if (hasCase(letter)) caseFlags.add(flags.i);
    return letterByLetter && flags.i ? setOf(caseGroup(letter)) : codePoint(code);
  }
  function atom(flags) {
    const c = text[at++];
    if (c === '(') return group(flags);
    if (c === '[') {
      caseFlags.add(flags.i);
      return charClass(flags);
    }
    if (c === '.') return flags.s ? ANY : '[^\\n]';
    if (c === '^') return flags.m ? LINE_START : START;
    if (c === '$') return flags.m ? LINE_END : END;
    if ('*+?{'.includes(c)) return bad(`nothing to repeat before ${c}`);
    if (c !== '\\') return literal(c.codePointAt(0), flags);
    const { assertion, test, code } = escape(false, flags);
    if (test !== undefined) return `(?:${test})`; // the classes \d \s \w \p{..} as they are
    return assertion || literal(code, flags);
  }
  function alternation(flags) {
    let out = '';
    while (at < text.length && peek() !== ')') {
      if (peek() === '|') {
        out += '|';
        at++;
        continue;
      }
      if (flags.x && /\s/.test(peek())) {
        at++;
        continue;
      }
      if (flags.x && peek() === '#') {
        while (at < text.length && text[at] !== '\n') at++;
        continue;
      }
      const before = groups;
      const one = atom(flags);
      if (one === null) continue;
      const quantifier = repetition(flags);
      if (quantifier && quantifier[0] !== '?' && groups > before) repeatedGroup = true;
      if (quantifier && peek() !== undefined && '*+'.includes(peek())) return bad('a repetition of a repetition');
      out += quantifier ? `(?:${one})${quantifier}` : one;
    }
    return out;
  }
  const source = alternation({ i: false, m: false, s: false, x: false, U: false });
  if (at < text.length) bad('unmatched )');
  if (caseFlags.size > 1 && !letterByLetter) return translate(pattern, true);
  return { source, flags: caseFlags.has(true) && !letterByLetter ? 'giu' : 'gu', groups, repeatedGroup };
}

const cache = new Map();
// -> {regex: RegExp, groups: number of groups, repeatedGroup: whether a group is inside of a repetition}
function regexOf(pattern) {
  if (!cache.has(pattern)) {
    const { source, flags, groups, repeatedGroup } = translate(pattern);
    cache.set(pattern, { regex: new RegExp(source, flags), groups, repeatedGroup });
  }
  return cache.get(pattern);
}
function matches(text, pattern) {
  const { regex } = regexOf(pattern);
  regex.lastIndex = 0;
  return regex.test(text);
}

module.exports = { regexOf, matches };
