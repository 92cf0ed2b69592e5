/** What an Event says of a Service that cannot be announced as it asks. Pure. */
import type { Statement } from '@podroute/cluster/events/event.ts'
import type { Service } from '@podroute/cluster/objects/service.ts'

export function wrongAnnotation({ namespace, name, uid }: Service, detail: string): Statement {
  return {
    regarding: { apiVersion: 'v1', kind: 'Service', namespace, name, ...(uid === '' ? {} : { uid }) },
    ...{ type: 'Warning', action: 'AnnounceService', reason: 'InvalidField' },
    note: `this field cannot be used and is skipped: ${detail}`,
  }
}
