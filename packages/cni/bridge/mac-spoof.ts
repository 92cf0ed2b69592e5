// macspoofchk: a container may send with its own hardware address only. Names as the reference plugin's.

import type { Owner } from '../host-local/lease.ts'
import { drop, jump, matchInput, matchSourceMac, returns } from '../netlink/nft-expressions.ts'
import {
  addChain,
  addRule,
  addTable,
  deleteChain,
  deleteRule,
  Family,
  flushChain,
  Nftables,
} from '../netlink/nftables.ts'
import { type System, unless } from '../system.ts'

const TABLE = { family: Family.bridge, name: 'nat' }
const PREROUTING = 'PREROUTING'
const PRIORITY = -300
const CHAIN_PREFIX = 'cni-br-iface-'
const COMMENT_PREFIX = 'macspoofchk-'

const identifier = (owner: Owner) => `${owner.containerId}-${owner.interfaceName}`
const interfaceChain = (owner: Owner) => `${CHAIN_PREFIX}${identifier(owner)}`
const macChain = (owner: Owner) => `${interfaceChain(owner)}-mac`
const commentFor = (owner: Owner) => `${COMMENT_PREFIX}${identifier(owner)}`

export function setMacCheck(system: System, owner: Owner, hostName: string, mac: Uint8Array): void {
  const [first, second, comment] = [interfaceChain(owner), macChain(owner), commentFor(owner)]
  new Nftables(system).run([
    addTable(TABLE),
    addChain(TABLE, PREROUTING, { type: 'filter', hook: 'prerouting', priority: PRIORITY }),
    addChain(TABLE, first),
    addChain(TABLE, second),
    flushChain(TABLE, first),
    flushChain(TABLE, second),
    addRule(TABLE, PREROUTING, [...matchInput(hostName), ...jump(first)], comment),
    addRule(TABLE, first, jump(second), comment),
    addRule(TABLE, second, [...matchSourceMac(mac), ...returns()], comment),
    addRule(TABLE, second, drop(), comment),
  ])
}

function removeChain(nft: Nftables, name: string): void {
  unless(['ENOENT'], () => nft.run([flushChain(TABLE, name), deleteChain(TABLE, name)]))
}

/** Removes what there is of a check, by its comment's identifier. */
function remove(nft: Nftables, id: string): void {
  const jumps = nft.rules(TABLE, PREROUTING).filter((rule) => rule.comment === `${COMMENT_PREFIX}${id}`)
  nft.run(jumps.map(deleteRule))
  removeChain(nft, `${CHAIN_PREFIX}${id}`)
  removeChain(nft, `${CHAIN_PREFIX}${id}-mac`)
}

export const removeMacCheck = (system: System, owner: Owner): void =>
  remove(new Nftables(system), identifier(owner))

/** Removes the checks of interfaces that are not among `links` any more. */
export function collectMacChecks(system: System, links: readonly string[]): void {
  const nft = new Nftables(system)
  for (const rule of nft.rules(TABLE, PREROUTING)) {
    const there = links.some((name) => rule.expressions.includes(`${name}\0`))
    if (rule.comment.startsWith(COMMENT_PREFIX) && !there)
      remove(nft, rule.comment.slice(COMMENT_PREFIX.length))
  }
}
