/** Lists of prefixes and addresses: what no router is believed about, and where this node listens for BGP. */
import { canonicalAddress } from '@podroute/address/address.ts'
import { parseCidr } from '@podroute/address/cidr.ts'
import { type Find, listOf, type Say, type Topic } from './topic.ts'

export const IMPORT_REJECT: Topic<'importReject'> = {
  key: 'importReject',
  suffixes: ['node.bgp.customimportreject'],
  parse: (find, say) =>
    parseEach(find, 'node.bgp.customimportreject', say, parseCidr, 'no prefix such as 10.0.0.0/8'),
}

export const LISTEN: Topic<'listen'> = {
  key: 'listen',
  suffixes: ['bgp-local-addresses'],
  parse(find, say, host) {
    const own = (text: string) => {
      const address = canonicalAddress(text)
      return address !== undefined && host.hasAddress(address) ? address : undefined
    }
    return parseEach(find, 'bgp-local-addresses', say, own, 'no address of this node')
  },
}

function parseEach<Value>(
  find: Find,
  suffix: string,
  say: Say,
  parse: (text: string) => Value | undefined,
  wrong: string,
): Value[] {
  const found = find(suffix)
  if (!found) return []
  return listOf(found).flatMap((text, i) => {
    const value = parse(text)
    if (value === undefined) say(`${found.name}[${i}]`, `${text} is ${wrong}`)
    return value ?? []
  })
}
