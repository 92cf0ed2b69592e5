/** `bgp.bmp` of the configuration file: collectors that are told of this node's sessions and of what its peers send (RFC 7854). */
import { canonicalAddress } from '@podroute/address/address.ts'
import { ipAddress, port, seconds } from '@podroute/feature/schema.ts'
import type { CollectorConfig } from 'bgp-speaker-ts/bmp/config.ts'
import * as z from 'zod'

/** What most collectors listen on. */
const PORT = 11_019

export const bmp = z
  .array(
    z.strictObject({
      address: ipAddress,
      port: port.default(PORT),
      /** Routes as peers send them, and as the import policy lets them in. */
      views: z
        .array(z.enum(['pre-policy', 'post-policy']))
        .min(1)
        .default(['pre-policy']),
      /** Between two reports of figures; 0: none. */
      statisticsSeconds: seconds(0, 86_400).default(60),
    }),
  )
  .default([])

export function collectors(file: z.infer<typeof bmp>): readonly CollectorConfig[] {
  return file.map(({ address, statisticsSeconds, ...rest }) => ({
    ...rest,
    address: canonicalAddress(address) ?? address,
    statisticsInterval: statisticsSeconds,
  }))
}
