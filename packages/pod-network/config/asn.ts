/** Pieces of the schema that routers, the mesh and the speaker share. */
import { seconds } from '@podroute/feature/schema.ts'
import * as z from 'zod'

/** 0, 65535, 4294967295 are reserved, 23456 is AS_TRANS (RFC 7607, 7300, 6793). */
export const asn = z
  .number()
  .int()
  .min(1)
  .max(4294967294)
  .refine((n) => n !== 23456 && n !== 65535, { message: 'a reserved AS number' })

/** RFC 4271 section 4.2: none, or three seconds and more. */
export const holdTime = z.union([z.literal(0), seconds(3, 65535)], { message: '0, or 3 to 65535 seconds' })
