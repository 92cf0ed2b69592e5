/** Pieces of the configuration's schema that several sections use. */
import * as z from 'zod'

// A file is read once in a while: compiling code for it takes longer than checking it.
z.config({ jitless: true })

export const seconds = (least: number, most: number) => z.number().int().min(least).max(most)

export const port = z.number().int().min(1).max(65535)

export const ipAddress = z.union([z.ipv4(), z.ipv6()], { message: 'not an IP address' })

export const prefix = z.union([z.cidrv4(), z.cidrv6()], { message: 'not a prefix such as 10.0.0.0/8' })

/** Where an HTTP server listens; `::` is every address of both families, port 0 is none. */
export const listener = (defaultPort: number) =>
  z.strictObject({
    address: ipAddress.default('::'),
    port: z.number().int().min(0).max(65535).default(defaultPort),
  })
