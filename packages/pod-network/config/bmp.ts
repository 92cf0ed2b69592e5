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
      address: ipAddress.describe('Address of the collector.'),
      port: port.default(PORT).describe('TCP port of the collector.'),
      views: z
        .array(z.enum(['pre-policy', 'post-policy']))
        .min(1)
        .default(['pre-policy'])
        .describe('Which routes it is told: as peers send them, as the import policy lets them in, or both.'),
      statisticsSeconds: seconds(0, 86_400)
        .default(60)
        .describe('Seconds between two reports of figures; 0: none.'),
    }),
  )
  .default([])
  .describe('Collectors that are told of this node’s sessions and of what its peers send (BMP, RFC 7854).')

export function collectors(file: z.infer<typeof bmp>): readonly CollectorConfig[] {
  return file.map(({ address, statisticsSeconds, ...rest }) => ({
    ...rest,
    address: canonicalAddress(address) ?? address,
    statisticsInterval: statisticsSeconds,
  }))
}
