/** What `podroute services` shows. */
import { duration } from '@podroute/feature/duration.ts'
import type { Page } from '@podroute/feature/page.ts'
import type { ServiceSnapshot } from './snapshot.ts'
import type { Problem } from './types.ts'

export interface ServicesReport {
  readonly services: readonly ServiceSnapshot[]
  readonly problems: readonly Problem[]
}

export function servicesPage(data: () => ServicesReport): Page<ServicesReport> {
  return {
    name: 'services',
    summary: 'virtual addresses of Services and where they lead',
    data,
    tables: ({ services, problems }) => [
      {
        columns: ['SERVICE', 'STATE', 'ORIGIN', 'ADDRESS', 'SCHEDULER', 'ENDPOINTS'],
        rows: services.flatMap(serviceRows),
        empty: 'no services',
      },
      {
        columns: ['PROBLEM', 'OBJECT', 'DETAIL'],
        rows: problems.map(({ code, object, detail }) => [code, object, detail]),
        empty: '',
      },
    ],
  }
}

/** One that has no frontend is shown as well, or nobody would see why. */
function serviceRows({ service, frontends, ...status }: ServiceSnapshot): string[][] {
  const state = stateText(status)
  if (frontends.length === 0) return [[service, state, '', '', '', '']]
  return frontends.map((frontend) => {
    const { protocol, address, number } = frontend
    const host = address.includes(':') ? `[${address}]` : address
    const at = `${protocol} ${host}:${number}`
    return [service, state, frontend.origin, at, frontend.scheduler, frontend.endpoints.join(' ')]
  })
}

const STATES = {
  absent: 'not served',
  'in-place': 'in place',
  pending: 'pending',
  failed: 'failed',
  refused: 'refused',
} as const

/** `in place 3m20s`; reasons stand in the table of problems, but for what the kernel says. */
function stateText({
  state,
  seconds,
  reasons,
}: Pick<ServiceSnapshot, 'state' | 'seconds' | 'reasons'>): string {
  const since = seconds === undefined ? '' : ` ${duration(seconds)}`
  const why = state === 'failed' ? `: ${reasons[0]}` : ''
  return `${STATES[state]}${since}${why}`
}
