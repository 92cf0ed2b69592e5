// Import and export policies as data: ordered rules in plain JSON, compared by content.

/** Prefixes inside `prefix` whose length lies in [minLength, maxLength]; both default to the length of `prefix` itself (an exact match). */
export interface PrefixMatch {
  readonly prefix: string
  readonly minLength?: number
  readonly maxLength?: number
}

/** Conditions on the AS path; all given ones must match. */
export interface AsPathMatch {
  /** AS number anywhere in the path. */
  readonly contains?: number
  /** The path's last AS number: that of the originator. */
  readonly origin?: number
  /** The path's first AS number: that of the neighbouring AS. */
  readonly neighbour?: number
  /** Length as in RFC 4271 9.1.2.2 (an AS_SET counts 1). */
  readonly minLength?: number
  readonly maxLength?: number
}

/** The kind of a path's source. */
export type PathSource = 'local' | 'ibgp' | 'ebgp'

/** All given fields must match; of a list one element. An empty list matches nothing. */
export interface Match {
  readonly prefixes?: readonly PrefixMatch[]
  readonly families?: readonly ('ipv4-unicast' | 'ipv6-unicast')[]
  /** Addresses or CIDRs of the peer that sent the path. */
  readonly neighbours?: readonly string[]
  /** Addresses or CIDRs of the next hop. */
  readonly nextHops?: readonly string[]
  /** Communities of any kind: standard `64512:1`, names of well-known ones such as `no-export`, large `64512:1:2`, extended `rt:64512:1` or 16 hex digits. */
  readonly communities?: readonly string[]
  readonly asPath?: AsPathMatch
  readonly sources?: readonly PathSource[]
  /** Tags of routes of our own (Announcement.tags); a path of a peer has none. */
  readonly tags?: readonly string[]
}

/** Changes to the path's attributes. */
export interface Actions {
  readonly localPref?: number
  /** null removes the MED. */
  readonly med?: number | null
  /** Of any kind, see Match.communities. */
  readonly addCommunities?: readonly string[]
  /** `all` removes every standard and large community. */
  readonly removeCommunities?: readonly string[] | 'all'
  readonly prepend?: { readonly asn: number; readonly times: number }
  /** `self`: the session's own address, or `PeerConfig.nextHop` of the family. */
  readonly nextHop?: 'self' | { readonly ipv4?: string; readonly ipv6?: string }
}

/** `next` applies `set` and goes on with the following rule. */
export interface Rule {
  /** Rejections by this rule are counted under its name. */
  readonly name: string
  readonly match?: Match
  readonly set?: Actions
  readonly verdict: 'accept' | 'reject' | 'next'
}

export interface Policy {
  readonly rules: readonly Rule[]
  /** Verdict on a path that no rule decides on; a rejection is counted as `otherwise`. */
  readonly otherwise: 'accept' | 'reject'
}
