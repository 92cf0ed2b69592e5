/** What kernel parameters were before the agent set them: written down, so that `podroute cleanup` can put them back. */
import type { Store } from '@podroute/feature/feature.ts'
import type { SysctlApi } from '@podroute/kernel/kernel.ts'
import * as z from 'zod'

export const FORMER_SYSCTLS = 'former-sysctls'

export interface FormerSysctl {
  readonly name: string
  readonly former: string
  /** What the agent has set since: a parameter that has another value is somebody else's by now. */
  readonly ours: string
}

/** In the order in which they were set first. */
export interface FormerSysctls {
  /** Another boot begins with other values. */
  readonly bootId: string
  readonly values: readonly FormerSysctl[]
}

const former = z.object({ name: z.string(), former: z.string(), ours: z.string() })
export const FORMER_SHAPE = z.object({ bootId: z.string(), values: z.array(former) })

/** Writes as before, and notes the first former value of each name in this boot before it is gone. */
export function notingFormer(sysctls: SysctlApi, store: Store<FormerSysctls>, bootId: string): SysctlApi {
  const known = store.load()
  const values = new Map(known?.bootId === bootId ? known.values.map((value) => [value.name, value]) : [])
  const note = (name: string, ours: string) => {
    const before = values.get(name)
    const former = before?.former ?? sysctls.read(name)
    if (former === undefined || before?.ours === ours || (!before && former === ours)) return
    values.set(name, { name, former, ours })
    store.save({ bootId, values: [...values.values()] })
  }
  return {
    read: (name) => sysctls.read(name),
    write(name, value) {
      note(name, value)
      sysctls.write(name, value)
    },
  }
}
