// The IP functions of the KQL interpreter: texts in, bool or long out, null if a text is no address.
//
// An address may carry a prefix length ("IP-prefix notation", ipv4-compare-function): 192.168.1.1/24 is compared by its first 24 bits.
// The IPv6 comparisons take IPv4 addresses as ::ffff:a.b.c.d (ipv6-compare-function).
'use strict';
const { refuse } = require('./kql_values.js');

// -> {bits: BigInt of 32 bits, prefix} or null
function readIpv4(text) {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (!m || m.slice(1, 5).some(octet => +octet > 255) || +(m[5] || 0) > 32) return null;
  if (m.slice(1, 5).some(octet => octet.length > 1 && octet[0] === '0'))
    return refuse(`the address '${text}' with leading zeros is not documented`);
  return { bits: m.slice(1, 5).reduce((bits, octet) => bits * 256n + BigInt(octet), 0n), prefix: m[5] === undefined ? 32 : +m[5] };
}
// -> {bits: BigInt of 128 bits, prefix} or null; an IPv4 address is mapped
function readIpv6(text) {
  const ipv4 = readIpv4(text);
  if (ipv4) return { bits: 0xffff00000000n + ipv4.bits, prefix: ipv4.prefix + 96 };
  const [address, prefix, more] = text.split('/');
  if (more !== undefined || (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && +prefix <= 128))) return null;
  let body = address;
  const tail = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address); // ::ffff:192.168.1.1
  if (tail) {
    const last = readIpv4(tail[2]);
    if (!last) return null;
    body = `${tail[1]}${(last.bits >> 16n).toString(16)}:${(last.bits & 0xffffn).toString(16)}`;
  }
  const halves = body.split('::');
  if (halves.length > 2) return null;
  const [left, right] = halves.map(half => (half === '' ? [] : half.split(':')));
  const missing = 8 - left.length - (right || []).length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = halves.length === 2 ? [...left, ...Array(missing).fill('0'), ...right] : left;
  if (!groups.every(group => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return { bits: groups.reduce((bits, group) => bits * 65536n + BigInt(`0x${group}`), 0n), prefix: prefix === undefined ? 128 : +prefix };
}

const masked = (bits, prefix, width) => (bits >> BigInt(width - prefix)) << BigInt(width - prefix);

// -1, 0, 1 or null, under the shortest of the prefixes
function compareAddresses(read, width, [a, b, prefix]) {
  const x = read(a);
  const y = read(b);
  if (!x || !y || prefix === null) return null;
  if (prefix !== undefined && (prefix < 0n || prefix > BigInt(width))) return refuse(`the prefix ${prefix} is not documented`);
  const shortest = Math.min(x.prefix, y.prefix, prefix === undefined ? width : Number(prefix));
  const left = masked(x.bits, shortest, width);
  const right = masked(y.bits, shortest, width);
  return left < right ? -1n : left > right ? 1n : 0n;
}
const isMatch = (read, width) => args => {
  const order = compareAddresses(read, width, args);
  return order === null ? null : order === 0n;
};

// Whether an address is in a range: only the prefix of the range counts.
function inRange(read, width, address, range) {
  const x = read(address);
  const y = read(range);
  if (!x || !y) return null;
  if (x.prefix !== width) return refuse(`an address with a prefix ('${address}') in a range test is not documented`);
  return masked(x.bits, y.prefix, width) === masked(y.bits, y.prefix, width);
}
// The pages of the IPv6 range tests speak of IPv6 addresses only, so an IPv4 address gives null; refused if the address, taken as mapped as in
// the IPv6 comparisons, would be in the range.
function inIpv6Range(read, width, address, range) {
  const inside = inRange(read, width, address, range);
  if (!readIpv4(address) && !readIpv4(range)) return inside;
  return inside ? refuse(`an IPv4 address in an IPv6 range test ('${address}' in '${range}') is not documented`) : null;
}
function inAnyRange(read, width, test = inRange) {
  return ([address, ...ranges]) => {
    const list = ranges.flat(Infinity);
    if (address === null || list.some(range => typeof range !== 'string')) return null;
    const results = list.map(range => test(read, width, address, range));
    if (results.includes(null) && read(address) && results.includes(true))
      return refuse('a list with a text that is no range is not documented');
    return results.includes(null) ? null : results.includes(true);
  };
}
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];
function isPrivate([text]) {
  // ipv4-is-private-function: a network counts by its base address
  const address = readIpv4(text);
  if (!address) return null;
  return PRIVATE.some(range => {
    const r = readIpv4(range);
    return address.prefix >= r.prefix && masked(address.bits, r.prefix, 32) === r.bits;
  });
}
const onNonNull = f => args => (args.some(a => a === null) ? null : f(args));
const onTexts = f =>
  onNonNull(args => (args.every(a => typeof a === 'string' || typeof a === 'bigint' || Array.isArray(a)) ? f(args) : null));

const IP_FUNCTIONS = {
  ipv4_is_in_range: onTexts(([address, range]) => inRange(readIpv4, 32, address, range)),
  ipv4_is_in_any_range: onTexts(inAnyRange(readIpv4, 32)),
  ipv4_is_match: onTexts(isMatch(readIpv4, 32)),
  ipv4_compare: onTexts(args => compareAddresses(readIpv4, 32, args)),
  ipv4_is_private: onTexts(isPrivate),
  parse_ipv4: onTexts(([text]) => {
    const a = readIpv4(text);
    return a && masked(a.bits, a.prefix, 32);
  }),
  ipv6_is_in_range: onTexts(([address, range]) => inIpv6Range(readIpv6, 128, address, range)),
  ipv6_is_in_any_range: onTexts(inAnyRange(readIpv6, 128, inIpv6Range)),
  ipv6_is_match: onTexts(isMatch(readIpv6, 128)),
  ipv6_compare: onTexts(args => compareAddresses(readIpv6, 128, args)),
};

module.exports = { IP_FUNCTIONS };
