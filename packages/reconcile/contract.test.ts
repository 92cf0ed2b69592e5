import { describeResource } from './testing/contract.ts'
import { MemoryError, MemoryResource } from './testing/memory-resource.ts'

describeResource(
  'memory',
  () => {
    const resource = new MemoryResource<string, { n: number }>()
    resource.fail = (op) => (op.kind !== 'remove' && op.value.n < 0 ? new MemoryError('EINVAL') : undefined)
    return resource
  },
  {
    entries: [
      ['a', { n: 1 }],
      ['b', { n: 2 }],
      ['c', { n: 3 }],
    ],
    replacement: { n: 10 },
    refused: ['d', { n: -1 }],
  },
)
