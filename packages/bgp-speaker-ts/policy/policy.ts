// Import and export policy as data: ordered rules, plain JSON, compared by content.

/** Prefixes inside `prefix` whose length lies in [minLength, maxLength]; both default to the length of `prefix` itself (an exact match). */
export interface PrefixMatch {
  readonly prefix: string
  readonly minLength?: number
  readonly maxLength?: number
}

/** Conditions on the AS path. All that are given must hold. */
export interface AsPathMatch {
  /** This ASN stands somewhere in the path. */
  readonly contains?: number
  /** The path's last ASN: who originated the route. */
  readonly origin?: number
  /** The path's first ASN: the neighbouring AS. */
  readonly neighbour?: number
  /** Length as in RFC 4271 9.1.2.2 (an AS_SET counts 1). */
  readonly minLength?: number
  readonly maxLength?: number
}

/** Where a path came from. */
export type PathSource = 'local' | 'ibgp' | 'ebgp'

/** Every field that is given must match; inside a list one is enough. An empty list matches nothing. */
export interface Match {
  readonly prefixes?: readonly PrefixMatch[]
  readonly families?: readonly ('ipv4-unicast' | 'ipv6-unicast')[]
  /** Addresses or CIDRs of the peer that the path was learned from. */
  readonly neighbours?: readonly string[]
  /** Addresses or CIDRs of the next hop. */
  readonly nextHops?: readonly string[]
  /** Standard `64512:1` or large `64512:1:2` communities, or the names of well-known ones such as `no-export`. */
  readonly communities?: readonly string[]
  readonly asPath?: AsPathMatch
  readonly sources?: readonly PathSource[]
}

/** Changes to the path's attributes. */
export interface Actions {
  readonly localPref?: number
  /** null removes it. */
  readonly med?: number | null
  readonly addCommunities?: readonly string[]
  /** `all` removes every standard and large community. */
  readonly removeCommunities?: readonly string[] | 'all'
  readonly prepend?: { readonly asn: number; readonly times: number }
  /** `self`: the session's own address, or `PeerConfig.nextHop` of the family. */
  readonly nextHop?: 'self' | { readonly ipv4?: string; readonly ipv6?: string }
}

/** `next`: apply `set` and go on with the following rule. */
export interface Rule {
  /** Rejections are counted under this name. */
  readonly name: string
  readonly match?: Match
  readonly set?: Actions
  readonly verdict: 'accept' | 'reject' | 'next'
}

export interface Policy {
  readonly rules: readonly Rule[]
  /** What happens to a path that no rule has decided on; a rejection counts as `otherwise`. */
  readonly otherwise: 'accept' | 'reject'
}
