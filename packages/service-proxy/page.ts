/** What `podroute services` shows. */
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
        columns: ['SERVICE', 'ORIGIN', 'ADDRESS', 'SCHEDULER', 'ENDPOINTS'],
        rows: services.flatMap(frontendRows),
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

function frontendRows({ service, frontends }: ServiceSnapshot): string[][] {
  return frontends.map((frontend) => {
    const { protocol, address, number } = frontend
    const host = address.includes(':') ? `[${address}]` : address
    const at = `${protocol} ${host}:${number}`
    return [service, frontend.origin, at, frontend.scheduler, frontend.endpoints.join(' ')]
  })
}
