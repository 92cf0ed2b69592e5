/**
 * What every implementation of addresses agrees on: the agent's, the BGP speaker's and the CNI plugins'. Data only. Texts are
 * those that RFC 4291 and RFC 5952 allow; where these are silent, what Linux and the Kubernetes API take and print.
 */

export interface AddressVector {
  readonly text: string
  /** As RFC 5952 writes it, and Linux prints it. */
  readonly canonical: string
  readonly hex: string
}

const address = (text: string, canonical: string, hex: string): AddressVector => ({ text, canonical, hex })

export const ADDRESSES: readonly AddressVector[] = [
  address('0.0.0.0', '0.0.0.0', '00000000'),
  address('10.1.2.3', '10.1.2.3', '0a010203'),
  address('255.255.255.255', '255.255.255.255', 'ffffffff'),
  address('::', '::', '00000000000000000000000000000000'),
  address('0:0:0:0:0:0:0:0', '::', '00000000000000000000000000000000'),
  address('::1', '::1', '00000000000000000000000000000001'),
  address('1::', '1::', '00010000000000000000000000000000'),
  // RFC 5952 section 4.1: no leading zeros.
  address('2001:0db8::0001', '2001:db8::1', '20010db8000000000000000000000001'),
  // Section 4.2.1: as short as it can be.
  address('2001:db8:0:0:0:0:2:1', '2001:db8::2:1', '20010db8000000000000000000020001'),
  address('2001:db8::0:1', '2001:db8::1', '20010db8000000000000000000000001'),
  // Section 4.2.2: one group of zeros stays.
  address('2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'),
  address('2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'),
  address('::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8', '00000002000300040005000600070008'),
  address('1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0', '00010002000300040005000600070000'),
  // Section 4.2.3: the longest run, and of two as long the first.
  address('2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '20010000000000010000000000000001'),
  address('2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '20010db8000000000001000000000001'),
  address('1:0:0:2:0:0:0:0', '1:0:0:2::', '00010000000000020000000000000000'),
  // Section 4.3: lower case.
  address('FD00:ABCD::EF', 'fd00:abcd::ef', 'fd00abcd0000000000000000000000ef'),
  // Section 5: dotted at the end for IPv4-mapped addresses, and only for them.
  address('::ffff:192.0.2.1', '::ffff:192.0.2.1', '00000000000000000000ffffc0000201'),
  address('::ffff:c000:201', '::ffff:192.0.2.1', '00000000000000000000ffffc0000201'),
  address('::FFFF:0:0', '::ffff:0.0.0.0', '00000000000000000000ffff00000000'),
  address('::ffff:0:192.0.2.1', '::ffff:0:c000:201', '0000000000000000ffff0000c0000201'),
  address('64:ff9b::192.0.2.33', '64:ff9b::c000:221', '0064ff9b0000000000000000c0000221'),
  address('::192.0.2.1', '::c000:201', '000000000000000000000000c0000201'),
  address('1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304', '00010002000300040005000601020304'),
]

/** Texts that are no address. A zone is no part of one: it is split off first. */
export const NO_ADDRESSES: readonly string[] = [
  '',
  '1',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '1.2.3.1000',
  // Octal to some programs, decimal to others (RFC 6943 section 3.1.1); Linux and the Kubernetes API refuse it.
  '01.2.3.4',
  '1.2.3.04',
  '1.2.3.00',
  '0x7f.0.0.1',
  '1..2.3',
  '1.2.3.',
  '1.2.3.4.',
  '.1.2.3',
  '1.2.3.4 ',
  ' 1.2.3.4',
  '1.2.3.a',
  '1.2.3.-4',
  '1.2.3.+4',
  '1.2.3.1e1',
  '1.2.3.4/32',
  '１.2.3.4',
  ':',
  ':::',
  '1:',
  ':1',
  '1:2',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:',
  ':2:3:4:5:6:7:8',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::',
  '::1:2:3:4:5:6:7:8',
  '1:2:3:4::5:6:7:8',
  '::1::',
  '1::2::3',
  '12345::',
  'g::',
  '::-1',
  '[::1]',
  '::1/128',
  '::1.2.3',
  '::1.2.3.04',
  '::ffff:1.2.3.256',
  '1:2:3:4:5:6:7:1.2.3.4',
  '1.2.3.4::',
  '::1.2.3.4:5',
  'fe80::1%eth0',
  'fe80::1%',
]

/** IPv4-mapped addresses and the IPv4 addresses that they stand for (RFC 4291 section 2.5.5.2); addresses that look alike and are none. */
export const MAPPED: readonly { readonly text: string; readonly plain: string }[] = [
  { text: '::ffff:192.0.2.1', plain: '192.0.2.1' },
  { text: '::ffff:c000:201', plain: '192.0.2.1' },
  { text: '0:0:0:0:0:FFFF:192.0.2.1', plain: '192.0.2.1' },
  { text: '192.0.2.1', plain: '192.0.2.1' },
  { text: '::fffe:192.0.2.1', plain: '::fffe:c000:201' },
  { text: '::ffff:0:192.0.2.1', plain: '::ffff:0:c000:201' },
  { text: '::192.0.2.1', plain: '::c000:201' },
  { text: '1::ffff:192.0.2.1', plain: '1::ffff:c000:201' },
]

/** Prefixes and the same with their host bits cleared, in canonical text. */
export const PREFIXES: readonly { readonly text: string; readonly network: string }[] = [
  { text: '10.1.2.3/24', network: '10.1.2.0/24' },
  { text: '10.1.2.255/30', network: '10.1.2.252/30' },
  { text: '10.1.255.255/20', network: '10.1.240.0/20' },
  { text: '255.255.255.255/1', network: '128.0.0.0/1' },
  { text: '1.2.3.4/0', network: '0.0.0.0/0' },
  { text: '1.2.3.4/32', network: '1.2.3.4/32' },
  { text: 'FD00:0::1/64', network: 'fd00::/64' },
  { text: 'fd00::ffff/127', network: 'fd00::fffe/127' },
  { text: 'fd00:0:0:ff::/57', network: 'fd00:0:0:80::/57' },
  { text: '::1/128', network: '::1/128' },
  { text: 'ffff::1/0', network: '::/0' },
  { text: '::ffff:192.0.2.1/120', network: '::ffff:192.0.2.0/120' },
  { text: '::ffff:192.0.2.1/96', network: '::ffff:0.0.0.0/96' },
]

export const NO_PREFIXES: readonly string[] = [
  '',
  '/',
  '/24',
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/+8',
  '10.0.0.0/08',
  '10.0.0.0/00',
  '10.0.0.0/ 8',
  '10.0.0.0/8 ',
  '10.0.0.0/8/8',
  '10.0.0.0/1e1',
  '10.0.0.0/0x8',
  '10.0.0.0/255.0.0.0',
  '010.0.0.0/8',
  '10.0.0/8',
  '10/8',
  'fd00::/129',
  'fd00::/064',
  'fd00::/1000',
  'fe80::1%eth0/64',
]

/** Whether an address lies in a prefix; never in one of the other family, to which a mapped address does not belong either. */
export const CONTAINS: readonly {
  readonly prefix: string
  readonly address: string
  readonly inside: boolean
}[] = [
  { prefix: '10.1.0.0/16', address: '10.1.255.255', inside: true },
  { prefix: '10.1.0.0/16', address: '10.2.0.0', inside: false },
  { prefix: '10.0.0.0/9', address: '10.127.255.255', inside: true },
  { prefix: '10.0.0.0/9', address: '10.128.0.0', inside: false },
  { prefix: '10.0.0.1/32', address: '10.0.0.1', inside: true },
  { prefix: '10.0.0.1/32', address: '10.0.0.0', inside: false },
  { prefix: '0.0.0.0/0', address: '255.255.255.255', inside: true },
  { prefix: 'fd00::/63', address: 'fd00:0:0:1::1', inside: true },
  { prefix: 'fd00::/63', address: 'fd00:0:0:2::1', inside: false },
  { prefix: 'fd00::1/128', address: 'fd00::1', inside: true },
  { prefix: 'fd00::1/128', address: 'fd00::', inside: false },
  { prefix: '::/0', address: 'ffff::', inside: true },
  { prefix: '::/0', address: '10.0.0.1', inside: false },
  { prefix: '0.0.0.0/0', address: 'fd00::1', inside: false },
  { prefix: '0.0.0.0/0', address: '::ffff:10.0.0.1', inside: false },
  { prefix: '::ffff:0:0/96', address: '10.0.0.1', inside: false },
]

/** Addresses with the zone that follows `%` (RFC 4007 section 11). */
export const ZONES: readonly {
  readonly text: string
  readonly address: string
  readonly zone: string | undefined
}[] = [
  { text: 'fe80::1%eth0', address: 'fe80::1', zone: 'eth0' },
  { text: 'fe80::1%eth0.100', address: 'fe80::1', zone: 'eth0.100' },
  { text: 'fe80::1%', address: 'fe80::1', zone: '' },
  { text: 'fe80::1', address: 'fe80::1', zone: undefined },
  { text: '10.0.0.1', address: '10.0.0.1', zone: undefined },
]
