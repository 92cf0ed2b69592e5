/** What this node adds to the paths that it tells routers: AS numbers in front, communities. */
import { parseCommunity } from 'bgp-speaker-ts/packet/communities.ts'
import type { NodeSettings } from './node-settings.ts'
import { type Find, listOf, numberOf, type Say, type Topic } from './topic.ts'

const AS = 'path-prepend.as'
const REPEAT = 'path-prepend.repeat-n'
/** kube-router counts in eight bits. */
const MOST_TIMES = 255
const MOST_ASN = 4294967294

export const PREPEND: Topic<'prepend'> = {
  key: 'prepend',
  suffixes: [AS, REPEAT],
  parse: parsePrepend,
}

export const COMMUNITIES: Topic<'communities'> = {
  key: 'communities',
  suffixes: ['node.bgp.communities'],
  parse(find, say) {
    const found = find('node.bgp.communities')
    if (!found) return []
    return listOf(found).flatMap((text, i) => {
      const community = communityText(text)
      if (community === undefined)
        say(
          `${found.name}[${i}]`,
          `${text} is no community: write 64512:1, a number of 32 bits, or a name such as no-export`,
        )
      return community ?? []
    })
  },
}

function parsePrepend(find: Find, say: Say): NodeSettings['prepend'] {
  const [as, repeat] = [find(AS), find(REPEAT)]
  if (!as || !repeat) {
    const [given, missing] = as ? [as, REPEAT] : [repeat, AS]
    if (given) say(given.name, `it says nothing without ${missing}: set both`)
    return undefined
  }
  const [asn, times] = [numberOf(as.text), numberOf(repeat.text)]
  if (asn === undefined || asn < 1 || asn > MOST_ASN)
    say(as.name, `${as.text} is no AS number: write one from 1 to ${MOST_ASN}`)
  if (times === undefined || times > MOST_TIMES)
    say(repeat.name, `${repeat.text} is no count: write a number from 0 to ${MOST_TIMES}`)
  return asn === undefined || !times ? undefined : { asn, times }
}

/** kube-router also takes a community as one number. */
function communityText(text: string): string | undefined {
  if (!/^\d+$/.test(text)) return parseCommunity(text) === undefined ? undefined : text
  const number = numberOf(text)
  return number === undefined || number > 0xffffffff ? undefined : `${number >>> 16}:${number & 0xffff}`
}
