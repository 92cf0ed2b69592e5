/** Pieces of the configuration's schema that several sections use. */
import { canonicalAddress } from '@podroute/address/address.ts'
import { parseCidr } from '@podroute/address/cidr.ts'
import * as z from 'zod'

// A file is read once in a while: compiling code for it takes longer than checking it.
z.config({ jitless: true })

export const seconds = (least: number, most: number) => z.number().int().min(least).max(most)

export const port = z.number().int().min(1).max(65535)

/** Kernel limit of an interface name: 15 bytes. */
export const interfaceName = z
  .string()
  .regex(/^[^\s/:%]{1,15}$/, 'not an interface name')
  .meta({ title: 'interface' })

export const ipAddress = z
  .string()
  .refine((text) => canonicalAddress(text) !== undefined, { message: 'not an IP address' })
  .meta({ title: 'IP address' })

export const prefix = z
  .string()
  .refine((text) => parseCidr(text) !== undefined, { message: 'not a prefix such as 10.0.0.0/8' })
  .meta({ title: 'prefix' })

const listenAddress = z
  .string()
  .refine((text) => text === 'node' || text === 'localhost' || canonicalAddress(text) !== undefined, {
    message: 'not an IP address, nor node or localhost',
  })
  .meta({ title: 'IP address, node, localhost' })

/** Where an HTTP server listens; see `Listen` for the words. Port 0 is none. */
export const listener = (defaultPort: number) =>
  z.strictObject({
    address: listenAddress
      .default('::')
      .describe(
        'Address to listen on: :: is all of IPv4 and IPv6, node those of the node, localhost those of loopback; or one IP address.',
      ),
    port: z
      .number()
      .int()
      .min(0)
      .max(65535)
      .default(defaultPort)
      .describe('TCP port; 0 turns the server off.'),
  })
