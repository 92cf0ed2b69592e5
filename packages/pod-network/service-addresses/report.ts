/** What this node announces: to whom, on behalf of which Service, and why not what is switched on. */
import type { ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { Page } from '@podroute/feature/page.ts'
import type { Announcement } from 'bgp-speaker-ts/config.ts'
import type { AddressReport } from './service-addresses.ts'

export interface AnnouncedPrefix {
  readonly prefix: string
  readonly kind: string
  /** The Service, or `pods`. */
  readonly owner: ServiceKey
  /** `shared`: another Service with the same prefix says how it is announced. `pending`: the speaker does not have it yet. */
  readonly state: 'announced' | 'lowered' | 'shared' | 'withheld' | 'pending'
  /** Addresses of the peers with a session that are told. */
  readonly told: readonly string[]
  readonly communities: readonly string[]
  /** Why it is not announced, or as the last resort; empty: it is. */
  readonly why: string
}

/** What of a peer's session is looked at. */
export interface Listener {
  readonly address: string
  tells(announcement: Announcement): boolean
}

/** What of a Service cannot be used. */
export interface AnnouncementProblem {
  readonly service: ServiceKey
  readonly detail: string
}

export interface AnnouncementsReport {
  readonly announcements: readonly AnnouncedPrefix[]
  readonly problems: readonly AnnouncementProblem[]
}

export function announcedPrefixes(
  pods: readonly Announcement[],
  services: readonly AddressReport[],
  listeners: readonly Listener[],
  /** Why the speaker does not have a prefix; undefined: it has. */
  missing: (prefix: string) => string | undefined,
): AnnouncedPrefix[] {
  const goesOut = (announcement: Announcement) => ({
    told: listeners.filter(({ tells }) => tells(announcement)).map(({ address }) => address),
    communities: [...(announcement.communities ?? []), ...(announcement.largeCommunities ?? [])],
  })
  const nobody = { told: [], communities: [] }
  return [
    ...pods.map((announcement): AnnouncedPrefix => {
      const named = { prefix: announcement.prefix, kind: 'pod-cidr', owner: 'pods' }
      const why = missing(announcement.prefix)
      if (why !== undefined) return { ...named, state: 'pending', ...nobody, why }
      return { ...named, state: 'announced', ...goesOut(announcement), why: '' }
    }),
    ...services.map(({ service, prefix, kind, wanted, reason, sharedWith }): AnnouncedPrefix => {
      const named = { prefix, kind, owner: service }
      if (!wanted) return { ...named, state: 'withheld', ...nobody, why: reason }
      if (sharedWith !== undefined)
        return { ...named, state: 'shared', ...nobody, why: `by ${sharedWith.replace('service/', '')}` }
      const why = missing(prefix)
      if (why !== undefined) return { ...named, state: 'pending', ...nobody, why }
      const state = wanted.rank === 'plain' ? 'announced' : 'lowered'
      return { ...named, state, ...goesOut(wanted.announcement), why: reason }
    }),
  ]
}

export function announcementsPage(data: () => AnnouncementsReport): Page<AnnouncementsReport> {
  return {
    name: 'announcements',
    summary: 'what this node announces, to whom, and why not what is switched on',
    data,
    tables: ({ announcements, problems }) => [
      {
        columns: ['PREFIX', 'KIND', 'FOR', 'STATE', 'TOLD', 'COMMUNITIES', 'WHY'],
        rows: announcements.map(({ prefix, kind, owner, state, told, communities, why }) => [
          ...[prefix, kind, owner, state, told.join(' '), communities.join(' '), why],
        ]),
        empty: 'nothing is announced',
      },
      {
        columns: ['PROBLEM OF', 'DETAIL'],
        rows: problems.map(({ service, detail }) => [service, detail]),
        empty: '',
      },
    ],
  }
}
